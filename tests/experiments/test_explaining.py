import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from recipes.finetune_last_layer import run as finetune
from toolkit.data import mnist
from toolkit.data.image_sets import load_sets, save_sets
from toolkit.experiments import explaining
from toolkit.runs import latest_run


@pytest.fixture
def photo(tmp_path, examples):
    digit = examples["Training Set"].images[33, 0].repeat(10, 0).repeat(10, 1)
    Image.fromarray(230 - np.pad(digit, 60) // 2).save(tmp_path / "four.png")
    return tmp_path / "four.png"


def test_a_photo_and_a_cut_digit_are_explained_as_json_and_as_a_picture(run, photo, digits, tmp_path):
    cut = digits / "Validation Set/7/7_01.jpg"
    words = ["--model", "mnist_mlp", "--digits", digits, "--out", tmp_path / "why.png"]
    status, said, error = run("explain", photo, cut, *words, "--json")
    assert status == 0, error
    answer = json.loads(said)
    assert answer["said"] == f"The nearest are from the 80 images of the Training Set in {digits}."
    assert [explained["answer"] for explained in answer["explained"]] == ["4", "7"]
    assert answer["explained"][0]["image"] == str(photo)
    assert np.array(answer["explained"][1]["attribution"]).shape == (28, 28)
    with Image.open(tmp_path / "why.png") as picture:
        assert picture.width > 1000
    _, said, _ = run("explain", photo, *words, "--against", "9")
    assert said.startswith(f"{photo}:  read as 4, its logit")
    assert "above that of 9; nearest 4, " in said


def test_a_published_models_nearest_are_mnists_where_it_is_cached(run, photo, idx_files, monkeypatch, tmp_path):
    shutil.copytree(idx_files, mnist.mnist_cache())
    monkeypatch.setattr(explaining, "OF_MNIST", 60)
    said = run("explain", photo, "--model", "mnist_mlp", "--out", tmp_path / "why.png")[1]
    assert "The nearest are from the first 60 of MNIST's training images." in said


@pytest.mark.usefixtures("brief")
def test_what_a_run_misread_is_explained_against_what_it_is(run, digits, examples, monkeypatch, tmp_path):
    one, seven = (digits / f"Validation Set/{name}/{name}_01.jpg" for name in "17")
    pixels = one.read_bytes()
    one.write_bytes(seven.read_bytes())
    seven.write_bytes(pixels)
    finetune(model="mnist_mlp", epochs=1, lr=1e-6, digits=digits)
    folder = latest_run("finetune_last_layer")

    status, said, error = run("explain", folder, "--json", "--out", tmp_path / "why.png")
    assert status == 0, error
    answer = json.loads(said.splitlines()[-1])  # after what the training said
    assert f"{len(answer['explained'])} of 20 digits in Validation Set misread" in answer["said"]
    misread = [(explained["image"], explained["answer"], explained["rival"]) for explained in answer["explained"]]
    assert ("1", "7", "1") in misread
    assert all(true == rival != read for true, read, rival in misread)
    assert (tmp_path / "why.png").stat().st_size > 10_000

    save_sets(tmp_path / "others", examples)
    status, _, error = run("explain", folder, "--digits", tmp_path / "others")
    assert status == 1
    assert "was not fine-tuned with the sets in" in error
    assert run("explain", folder, "--model", "mnist_mlp")[0] == 1

    labels = torch.from_numpy(load_sets(digits).validation.labels)
    monkeypatch.setattr(explaining, "predict_logits", lambda *_: torch.eye(10)[labels])
    status, said, _ = run("explain", folder, "--out", tmp_path / "none.png")
    assert (status, said) == (0, f"{folder}: none of 20 digits in Validation Set misread.\n")
    assert not (tmp_path / "none.png").exists()
