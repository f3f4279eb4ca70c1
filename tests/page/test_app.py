import json

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.page.conftest import HOST as ADDRESS
from tests.page.conftest import png, post
from toolkit.errors import ToolkitError
from toolkit.evaluation.sealed_test import openings
from toolkit.page import app, gate
from toolkit.page.app import Page
from toolkit.page.gate import guarded
from toolkit.paths import HOST, ROOT, make_folder, own_name
from toolkit.runs import past_runs, start_run


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


def test_a_page_removes_what_one_that_was_killed_left_but_for_photos_of_a_run(page):
    named, _ = (make_folder(page.folder / f"{HOST}-999999999-{end}") for end in "ab")
    own = make_folder(page.folder / own_name())
    with start_run("sheet_cut.py", {"photos": [named / "photo_1.jpg"]}):
        pass
    Page()
    assert set(page.folder.iterdir()) == {named, own}


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
    assert len(past_runs()) == 1


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


ODD = [
    None,
    True,
    -1,
    1e300,
    "",
    "\ud800",
    "\x00\n",
    "x" * 5000,
    [],
    [[]],
    {},
    {"a": {}},
    {"lr": None},
    {"lr": 1},
    {"lr": ["x"]},
    {"model": {}},
    {"rows": 1, "digit": "", "per_class": "", "corrections": []},
    {"rows": "", "digit": "", "per_class": "9" * 400, "corrections": [None]},
    {"rows": "", "digit": "", "per_class": "-1,0,1e9", "corrections": []},
    {"rows": "A*9999 " * 600, "digit": "", "per_class": "", "corrections": []},
    {"rows": "", "digit": "a,b,\ud800", "per_class": "", "corrections": []},
    {"rows": "", "digit": "", "per_class": "", "corrections": [{"skip": ["\ud800"], "label": {"=": "="}, "add": []}]},
    {"rows": "", "digit": "", "per_class": "", "corrections": [{"skip": [], "label": {}, "add": [[-1, 1e300, 0, 0]]}]},
    {"rows": "", "digit": "", "per_class": "", "corrections": [{"skip": [], "label": {}, "add": [[-5, -5, -1, -1]]}]},
]


@pytest.mark.parametrize("path", ["/recipes/finetune_two_layers", "/sheets/{sheet}", "/sheets/{sheet}/make"])
def test_odd_json_is_refused_in_one_line(client, path, monkeypatch, note_photo):
    def no_process(*_, **__):
        raise ToolkitError("started")

    monkeypatch.setattr("subprocess.Popen", no_process)
    sheet = post(client, "/sheets/new/photos", note_photo.read_bytes())[0]["sheet"]
    for odd in ODD:
        answer, status = post(client, path.format(sheet=sheet), json.dumps(odd).encode())
        assert status == 400, odd
        assert answer["error"].count("\n") == 0
        assert 0 < len(answer["error"]) <= 300


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("run.json", '{"recipe": "r", "status": "x", "date": "d", "options": {"lr": NaN, "name": "\\ud800"}}'),
        ("history.csv", "epoch,training_loss\n\x00,\ud800,3,4\n"),
        ("lr_find.json", '{"rates": [Infinity, NaN], "losses": 3}'),
    ],
)
def test_odd_records_leave_the_page_as_it_is(client, past_run, file, content):
    (past_run.folder / file).write_text(content, encoding="utf-8", errors="surrogatepass")
    state = client.get("/state")
    assert state.status_code == 200
    (listed,) = state.json()["runs"]
    details = client.get(f"/runs/{listed['id']}")
    assert details.status_code == 200
    for answer in (state, details):  # no browser reads these, though Python does
        assert "NaN" not in answer.text
        assert "Infinity" not in answer.text


def test_pictures_of_any_name_are_shown(client, past_run):
    (past_run.folder / "overlay_a #1?.png").write_bytes(b"odd")
    (listed,) = client.get("/state").json()["runs"]
    assert client.get(f"/runs/{listed['id']}/overlay_a%20%231%3F.png").content == b"odd"


def test_no_drawing_waits_for_what_is_slow(client, page):
    with page.slow:
        answer, status = post(client, "/read/drawing?model=mnist_mlp", png(np.full((28, 28), 255, np.uint8)))
        assert status == 400
        assert "No digit" in answer["error"]
        assert client.get("/jobs").json() == []


def test_drawings_are_small(client):
    assert "larger than" in post(client, "/read/drawing?model=mnist_mlp", b"x" * 1_100_000)[0]["error"]


def test_of_many_tabs_the_oldest_photos_are_forgotten(client, page, monkeypatch):
    monkeypatch.setattr(app, "MOST_DESKS", 2)
    photo = png(np.full((40, 40), 255, np.uint8))
    names = [post(client, "/sheets/new/photos", photo)[0]["sheet"] for _ in range(3)]
    assert {path.name for path in page.folder.iterdir()} == set(names[1:])
    assert client.get(f"/sheets/{names[0]}").status_code == 400
    again = post(client, f"/sheets/{names[0]}/photos", photo)[0]
    assert again["photos"] == 1  # a tab of before the page was started again just goes on, with a new sheet
    assert again["sheet"] not in names
    page.close()
    assert not list(page.folder.iterdir())


def test_a_second_address_for_a_phone_closes_the_first(digits, monkeypatch):
    monkeypatch.setattr(gate, "own_address", lambda: "127.0.0.1")
    page = Page(digits, phone=True)
    client = TestClient(guarded(page.app(), (ADDRESS,)), base_url=f"http://{ADDRESS}", raise_server_exceptions=False)
    one, other = (post(client, "/sheets/new/photos", b"")[0]["sheet"] for _ in range(2))
    first = post(client, f"/sheets/{one}/phone")[0]["address"]
    assert client.get(f"/sheets/{one}").json() == {"photos": 0, "phone": True}
    door = page.phone[1]
    second = post(client, f"/sheets/{other}/phone")[0]
    assert "<svg" in second["code"]
    assert client.get(f"/sheets/{one}").json()["phone"] is False
    door.thread.join(20)
    with pytest.raises(httpx.TransportError):
        httpx.get(first)
    photo = png(np.full((40, 40), 255, np.uint8))
    assert httpx.post(second["address"], content=photo).status_code == 200
    assert client.get(f"/sheets/{other}").json() == {"photos": 1, "phone": False}
    page.close()
