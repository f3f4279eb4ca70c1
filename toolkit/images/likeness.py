"""What a writer's own images say of one another, without any model of what they should be."""

import numpy as np

RIDGE = 0.5  # weight of the penalty; 0.3 to 2 do as well (benchmarks/label_errors.py)


def doubt_labels(features: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The class that all other images find likeliest for each, int64 (N,), and by how much it leads the label's, (N,).

    Classes are scored, 0 to 1, by ridge regression on ``features``, (N, F): each image by those of the others alone,
    which needs no second fit (Allen, "The relationship between variable selection and data augmentation and a method
    for prediction", 1974). Such leads rank labels in Northcutt, Jiang and Chuang, "Confident learning", 2021; they are
    -inf where a label has no second image.
    """
    centred = features.astype(np.float64) - features.mean(axis=0)
    centred /= np.sqrt((centred**2).sum() / len(centred)) or 1
    inverse = np.linalg.inv(centred.T @ centred + RIDGE * np.eye(centred.shape[1]))
    targets = np.eye(classes)[labels]
    fitted = targets.mean(axis=0) + centred @ (inverse @ (centred.T @ targets))
    leverage = 1 / len(centred) + ((centred @ inverse) * centred).sum(axis=1)
    scores = targets - (targets - fitted) / np.maximum(1 - leverage, 1e-9)[:, None]
    alone = np.bincount(labels, minlength=classes)[labels] < 2
    leads = scores.max(axis=1) - scores[np.arange(len(labels)), labels]
    return scores.argmax(axis=1), np.where(alone, -np.inf, leads)
