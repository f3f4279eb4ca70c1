import numpy as np
from PIL import Image

from toolkit.data.labelled_images import LabelledImages
from toolkit.experiments import doubting
from toolkit.experiments.doubting import show_doubtful


def test_the_most_doubtful_labels_of_all_parts_are_listed_and_drawn(examples, capsys, monkeypatch):
    monkeypatch.setattr(doubting, "MODEL", "mnist_mlp")
    parts = dict(examples)
    test = parts["Test Set"]
    labels = test.labels.copy()
    labels[3] = (labels[3] + 4) % 10
    parts["Test Set"] = LabelledImages(test.images, labels, test.classes)
    figure = show_doubtful(parts, 3)
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == f"Test Set 4: {labels[3]}, more like {test.name(3)}"
    assert len(rest) <= 2
    assert len(figure.axes) == 1 + len(rest)


def test_data_mnist_draws_doubtful_labels_when_asked(run, idx_files, tmp_path, monkeypatch):
    monkeypatch.setattr(doubting, "MODEL", "mnist_mlp")
    status, said, _ = run("data", "mnist", "--mnist", idx_files, "--doubts", "5", "--out", tmp_path / "a.png")
    assert status == 0
    assert said.count("more like") <= 5
    assert "Contact sheet" in said
    with Image.open(tmp_path / "a.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 0
