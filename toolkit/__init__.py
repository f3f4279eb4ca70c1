"""From a photo of your own handwriting to a fine-tuned digit classifier."""

__version__ = "0.1.0"
