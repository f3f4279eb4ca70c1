"""Pixels: reading image files, cutting them, MNIST's normal form. Never imports torch."""
