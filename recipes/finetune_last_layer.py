"""Fine-tune only the last layer of an MNIST model on your own digits.

    python -m toolkit recipe finetune_last_layer
    python -m toolkit recipe finetune_last_layer --model mnist_cnn --lr 1e-3 --epochs 20

Needs   a published model; digits, or images of any classes, in Training Set and Validation Set.
Expect  about 13 s on 2 CPU cores; validation accuracy over 5 seeds in docs/record.md.
"""

from pathlib import Path

from toolkit.evaluation.scores import Scores
from toolkit.experiments.finetuning import finetune
from toolkit.runs import start_run


def run(
    model: str = "mnist_resnet",  # published model to start from
    lr: float | None = None,  # peak learning rate; without it the finder's suggestion
    epochs: int = 20,  # passes over the training set
    batch_size: int = 16,  # images per step; refused if larger than the training set
    weight_decay: float = 0.01,  # decoupled, as in AdamW
    dropout: float | None = None,  # before the last layers; without it the model's own
    augment: float = 1.0,  # strength of the distortion, 0 for none
    patience: int | None = None,  # stop after so many epochs without a lower validation loss
    seed: int = 0,  # fixes order and augmentation
    digits: Path | None = None,  # folder with the three sets; without it the repository's
    device: str = "auto",  # cpu, cuda, ...
    fresh: bool = False,  # begin anew, not where an unfinished run stopped
) -> Scores:
    """Validation scores; the test set stays sealed."""
    with start_run(__file__, locals()) as run:
        return finetune(run, layers=1)
