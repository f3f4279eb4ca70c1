import socket
import time

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.page.conftest import HOST
from toolkit.errors import ToolkitError
from toolkit.page import gate
from toolkit.page.gate import PhoneDoor, guarded, listen


@pytest.fixture
def open_gate():
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("in"), methods=["GET", "POST"])])
    return TestClient(guarded(app, (HOST, "localhost:8360")), base_url=f"http://{HOST}")


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:8360"},  # another name for this machine: DNS rebinding
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1:80"},
        {"origin": "http://evil.example"},
        {"origin": "https://127.0.0.1:8360"},
        {"origin": "null"},  # a sandboxed frame, a file
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_strangers_are_refused(open_gate, headers, method):
    answer = open_gate.request(method, "/", headers=headers)
    assert answer.status_code == 403
    assert "in" not in answer.text.split()


@pytest.mark.parametrize(
    "headers", [{}, {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}, {"host": "localhost:8360"}]
)
def test_the_page_itself_is_let_in_and_told_to_load_nothing_from_elsewhere(open_gate, headers):
    answer = open_gate.post("/", headers=headers)
    assert answer.text == "in"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_port_that_is_taken_is_named():
    with listen("127.0.0.1", 0) as taken, pytest.raises(ToolkitError, match="--port"):
        listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(ToolkitError, match="--port"):
        listen("127.0.0.1", 70000)


@pytest.fixture
def phone(monkeypatch):
    monkeypatch.setattr(gate, "own_address", lambda: "127.0.0.1")
    kept = []

    def keep(content):
        if content == b"no picture":
            raise ToolkitError("This is not an image.")
        kept.append(content)

    door = PhoneDoor(keep)
    door.kept = kept
    yield door
    door.close()
    door.thread.join(10)


def test_a_phone_sends_one_photo_and_the_door_closes(phone):
    assert "Send one photo" in httpx.get(phone.address).text
    answer = httpx.post(phone.address, content=b"a picture")
    assert answer.status_code == 200
    assert phone.kept == [b"a picture"]
    phone.thread.join(10)
    assert not phone.thread.is_alive()
    with pytest.raises(httpx.TransportError):
        httpx.get(phone.address)


def test_what_is_no_photo_does_not_close_the_door(phone):
    answer = httpx.post(phone.address, content=b"no picture")
    assert answer.status_code == 400
    assert "not an image" in answer.json()["error"]
    assert phone.kept == []
    assert httpx.post(phone.address, content=b"x").status_code == 200


def begin_upload(door, length):
    """A connection on which an upload of so many bytes has begun."""
    host, port = httpx.URL(door.address).host, httpx.URL(door.address).port
    connection = socket.create_connection((host, port))
    path = httpx.URL(door.address).path
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {length}\r\n\r\nx".encode())
    return connection


def becomes(door, receiving):
    """Waits until an upload has begun there, or ended; ten seconds at most."""
    late = time.monotonic() + 10
    while door.receiving.locked() != receiving:
        assert time.monotonic() < late


def test_an_upload_that_breaks_off_leaves_the_door_open(phone, caplog):
    with begin_upload(phone, 100):
        becomes(phone, True)
        assert "on its way" in httpx.post(phone.address, content=b"another").json()["error"]
    becomes(phone, False)
    assert httpx.post(phone.address, content=b"a picture").status_code == 200
    assert phone.kept == [b"a picture"]
    assert caplog.text == ""


def test_a_slow_upload_does_not_keep_a_door_open_that_was_closed(phone):
    with begin_upload(phone, 100):
        becomes(phone, True)
        phone.close()
        phone.thread.join(20)
    assert not phone.thread.is_alive()
    assert phone.socket.fileno() == -1
    assert phone.kept == []


def test_a_door_nobody_comes_to_closes(monkeypatch):
    monkeypatch.setattr(gate, "own_address", lambda: "127.0.0.1")
    monkeypatch.setattr(gate, "OPEN_FOR", 0.01)
    door = PhoneDoor(lambda content: None)
    door.thread.join(20)
    assert not door.thread.is_alive()
    assert not door.open


def test_without_the_token_there_is_nothing(phone):
    root = phone.address.rpartition("/")[0].rpartition("/")[0]
    for place in (root, f"{root}/", f"{root}/{'x' * 32}/", f"{root}/state", f"{phone.address}page.js"):
        assert httpx.get(place, follow_redirects=True).status_code == 404
        assert httpx.post(place, content=b"x", follow_redirects=True).status_code in (404, 405)
    assert httpx.get(phone.address, headers={"host": "evil.example"}).status_code == 403
    assert phone.kept == []


def test_too_much_is_not_taken_in(phone, monkeypatch):
    monkeypatch.setattr(gate.body_of, "__defaults__", (1000,))
    answer = httpx.post(phone.address, content=b"x" * 2000)
    assert answer.status_code == 400
    assert "larger than" in answer.text


def test_this_machine_knows_its_address_or_says_so(monkeypatch):
    class Offline(socket.socket):
        def connect(self, _):
            raise OSError("unreachable")

    monkeypatch.setattr(socket, "socket", Offline)
    with pytest.raises(ToolkitError, match="in no network"):
        gate.own_address()
