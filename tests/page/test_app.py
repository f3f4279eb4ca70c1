import pytest

from tests.page.conftest import post
from toolkit.evaluation.sealed_test import openings
from toolkit.page.past_runs import past_runs
from toolkit.paths import ROOT
from toolkit.runs import start_run


@pytest.fixture
def past_run():
    with start_run("recipe.py", {"lr": 0.1}) as run:
        (run.folder / "curves.png").write_bytes(b"picture")
        (run.folder / "secret.json").write_text("{}")
        run.write_csv("history.csv", [{"epoch": 1, "training_loss": 0.5}])
    return run


def test_the_page_comes_from_here_alone(client):
    html = client.get("/").text
    for name in ("page.css", "page.js"):
        assert name in html
        assert client.get(f"/{name}").status_code == 200
    assert "http" not in html.replace("http-equiv", "")


def test_the_state_says_what_can_be_done_without_opening_test_set(client):
    state = client.get("/state").json()
    assert {"mnist_mlp", "mnist_cnn", "mnist_resnet"} <= set(state["published"])
    lr = next(o for o in state["recipes"]["train"]["finetune_two_layers"]["options"] if o["name"] == "lr")
    assert lr == {
        "name": "lr",
        "kind": "float",
        "default": None,
        "help": "peak learning rate; without it the finder's suggestion",
    }
    assert state["classes"] == list("0123456789")
    assert state["openings"] == len(openings()) == 0


def test_runs_are_listed_and_their_pictures_shown(client, past_run):
    (listed,) = client.get("/state").json()["runs"]
    assert listed["recipe"] == "recipe"
    assert listed["status"] == "finished"
    assert listed["pictures"] == ["curves.png"]
    details = client.get(f"/runs/{listed['id']}").json()
    assert details["history"] == [{"epoch": "1", "training_loss": "0.5"}]
    assert client.get(f"/runs/{listed['id']}/curves.png").content == b"picture"


def test_damaged_runs_are_passed_over(client, past_run):
    (past_run.folder / "run.json").write_text("{")
    assert client.get("/state").json()["runs"] == []
    assert len(list(past_runs())) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/runs/{id}/secret.json",
        "/runs/{id}/run.json",
        "/runs/{id}/..%2f..%2fREADME.md",
        "/runs/{id}/%2e%2e/%2e%2e/x",
        "/runs/recipe/curves.png",
        "/runs/..%2f..%2f/curves.png",
        "/take/README.md",
        "/take/..%2ftoolkit%2fcli.py",
        "/toolkit/cli.py",
        "/..%2fREADME.md",
        "/README.md",
    ],
)
def test_no_address_names_a_file(client, past_run, path):
    (listed,) = client.get("/state").json()["runs"]
    assert client.get(path.format(id=listed["id"])).status_code == 404


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"[" * 100_000])
def test_damaged_json_is_refused_in_one_line(client, body):
    answer, status = post(client, "/recipes/report", body)
    assert status == 400
    assert "JSON" in answer["error"]


def test_too_much_json_is_refused(client):
    assert "larger than" in post(client, "/recipes/report", b"[" * 300_000)[0]["error"]


def test_an_export_is_known_by_model_and_kind(client):
    for asked in ("onnx/nobody", "exe/mnist_mlp", "onnx/%2fetc", "onnx/.."):
        assert client.post(f"/exports/{asked}").status_code in (400, 404)


def test_phones_are_let_in_only_when_asked_for(client):
    sheet = post(client, "/sheets/new/photos", b"")[0]["sheet"]
    assert "--phone" in post(client, f"/sheets/{sheet}/phone")[0]["error"]


def test_what_can_be_taken_is_what_the_recipes_wrote(client, monkeypatch, tmp_path):
    monkeypatch.setattr("toolkit.page.app.ROOT", tmp_path)
    name = "Assignment 4 Results.xlsx"
    assert client.get(f"/take/{name}").status_code == 404
    (tmp_path / name).write_bytes(b"sheet")
    (tmp_path / "private.txt").write_bytes(b"x")
    assert client.get(f"/take/{name}").content == b"sheet"
    assert client.get("/take/private.txt").status_code == 404
    assert (ROOT / "README.md").exists()
