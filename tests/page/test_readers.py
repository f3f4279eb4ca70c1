import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from recipes import finetune_last_layer
from tests.page.conftest import png, post
from toolkit.data.image_sets import read_all_sets
from toolkit.paths import runs_folder


@pytest.fixture
def seven() -> bytes:
    canvas = Image.new("L", (280, 280), 255)
    ImageDraw.Draw(canvas).line([(80, 60), (200, 60), (160, 140), (125, 230)], fill=0, width=20)
    return png(np.asarray(canvas))


def test_models_read_a_drawing_side_by_side(client, seven):
    answer, status = post(client, "/read/drawing?model=mnist_mlp&model=mnist_cnn", seven)
    assert status == 200
    assert [model["name"] for model in answer["models"]] == ["mnist_mlp", "mnist_cnn"]
    for model in answer["models"]:
        assert model["top"][0][0] == "7"
        assert model["top"][0][1] > 0.5
        assert sum(share for _, share in model["top"]) <= 1.0001
    assert answer["picture"].startswith("data:image/png;base64,")


def test_many_are_read_row_by_row(client, note_photo):
    answer, status = post(client, "/read/photo?model=mnist_mlp", note_photo.read_bytes())
    assert status == 200
    assert answer["many"]
    assert [len(row) for row in answer["models"][0]["rows"]] == [6] * 5
    assert answer["picture"].startswith("data:image/png;base64,")


def test_models_say_why(client, seven):
    answer, status = post(client, "/explain?model=mnist_mlp", seven)
    assert status == 200
    assert "read as 7" in answer["models"][0]["said"]


def test_a_drawing_is_put_aside_and_no_set_changes(client, digits, seven):
    before = [images.sha256() for images in read_all_sets(digits).values()]
    assert "Put aside as 7" in post(client, "/keep?label=7", seven)[0]["said"]
    (kept,) = runs_folder().glob("drawn/7/*.jpg")
    with Image.open(io.BytesIO(kept.read_bytes())) as image:
        assert (image.size, image.mode) == ((28, 28), "L")
    assert [images.sha256() for images in read_all_sets(digits).values()] == before


def test_a_run_says_why_it_misread(client, digits, small_model, brief):
    finetune_last_layer.run(model=str(small_model), digits=digits, epochs=1)
    (listed,) = client.get("/state").json()["runs"]
    answer, status = post(client, f"/runs/{listed['id']}/why")
    assert status == 200
    assert "in Validation Set misread" in answer["said"]
    assert answer["picture"].startswith("data:image/png;base64,")
    assert client.post("/runs/0/why").status_code == 404


@pytest.mark.parametrize("label", ["", "..", "../Test Set/7", "a/b", "con", "x" * 100])
def test_a_label_names_no_other_folder(client, seven, label):
    assert post(client, f"/keep?label={label}", seven)[1] == 400
    assert not list(runs_folder().rglob("*.jpg"))


@pytest.mark.parametrize("path", ["/read/drawing", "/read/photo", "/explain", "/keep"])
@pytest.mark.parametrize("content", [b"", b"<svg/>", png(np.full((280, 280), 255, np.uint8))])
def test_what_is_no_drawing_is_refused_in_one_line(client, path, content):
    answer, status = post(client, f"{path}?model=mnist_mlp&label=7", content)
    assert status == 400
    assert answer["error"].count("\n") == 0


@pytest.mark.parametrize("name", ["", "nobody", "/etc", "../checkpoints/mnist_mlp", "recipes/report.py:run"])
def test_models_are_known_by_their_ids(client, seven, name):
    assert post(client, f"/read/drawing?model={name}", seven)[1] == 400
