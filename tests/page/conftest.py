"""A page without a network: its application, asked directly."""

import io
import json

import pytest
from PIL import Image
from starlette.testclient import TestClient

from toolkit.page.app import Page
from toolkit.page.gate import guarded

HOST = "127.0.0.1:8360"


@pytest.fixture
def page(digits):
    opened = Page(digits)
    yield opened
    opened.close()


@pytest.fixture
def client(page):
    return TestClient(guarded(page.app(), (HOST,)), base_url=f"http://{HOST}", raise_server_exceptions=False)


def post(client, path, body=None):
    """What is answered, and its status."""
    content = body if isinstance(body, bytes) else json.dumps({} if body is None else body)
    answer = client.post(path, content=content)
    return answer.json(), answer.status_code


def finished(page, name):
    """The record of a command that has ended, or stops the test after two minutes."""
    page.jobs.known[name].process.wait(timeout=120)
    return page.jobs.known[name].record()


def png(pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
