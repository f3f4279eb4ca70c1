"""The page in a real browser, as somebody who sees it for the first time."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.page.conftest import png
from toolkit.data.image_sets import find_problems, save_sets
from toolkit.errors import ToolkitError
from toolkit.images.reading import decode
from toolkit.page import gate
from toolkit.page.gate import PhoneDoor, listen
from toolkit.page.serving import serve
from toolkit.paths import ROOT

playwright = pytest.importorskip("playwright.sync_api", reason="the browser is driven by playwright")
CHROMIUM = shutil.which("chromium")
# without these a browser asks its maker's hosts at every start
QUIET = ["no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"]
QUIET += ["disable-component-update", "disable-sync"]
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium")
LONG = 120_000  # ms: a machine may be busy


@pytest.fixture(scope="module")
def place(tmp_path_factory, examples):
    """Where the page of these tests has its sets, in ``digits``, and its ``runs``."""
    folder = tmp_path_factory.mktemp("page")
    save_sets(folder / "digits", examples)
    return folder


@pytest.fixture(scope="module")
def address(place):
    """Of a page that was started as one does; Ctrl-C ends it without a trace."""
    words = [sys.executable, "-m", "toolkit", "page", "--port", "0", "--no-browser", "--digits", str(place / "digits")]
    env = {**os.environ, "TOOLKIT_RUNS": str(place / "runs")}
    with subprocess.Popen(
        words, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        said = process.stdout.readline()
        yield re.search(r"http://127\.0\.0\.1:\d+", said)[0]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert process.returncode == 130
    # what is left are runs, and the photos of which sets were made
    assert len(list((place / "runs" / "page").iterdir())) == len(list((place / "runs").glob("sheet_cut/*/run.json")))


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=[f"--{word}" for word in QUIET])
        yield opened
        opened.close()


@pytest.fixture
def page(browser, address):
    """A tab in which nothing may be asked of another machine, and no script may fail."""
    tab = browser.new_page()
    asked, failures = [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: failures.append(str(error)))
    tab.on("console", lambda said: failures.append(said.text) if "Content Security" in said.text else None)
    tab.set_default_timeout(LONG)
    tab.goto(address)
    tab.wait_for_selector("body[data-ready]")
    yield tab
    tab.close()
    assert {url for url in asked if not url.startswith((address, "data:"))} == set()
    assert failures == []


def paled(sheet, path):
    """A photo whose last row is found one short: the pen hardly wrote the last digit. Its frame is returned too."""
    pixels = np.array(Image.fromarray(sheet.photo).convert("RGB")).astype(float)
    left, top, right, bottom = (round(edge) for edge in sheet.digits[-1].box)
    patch = pixels[top - 4 : bottom + 4, left - 4 : right + 4]
    paper = np.percentile(patch, 90)
    patch[:] = paper + 0.22 * (patch - paper)
    path.write_bytes(png(pixels.astype(np.uint8)))
    return path, (left, top, right, bottom)


def say_note(page):
    """What stands on the note: five rows of six."""
    page.click("text=Something else than ten rows of twelve?")
    page.fill("#rows", "01234")
    page.fill("#per-class", "4,1,1")


def shows(page, selector, text):
    playwright.expect(page.locator(selector)).to_contain_text(text, timeout=LONG)


@needs_browser
def test_the_five_steps(page, place, written_sheet, tmp_path):
    # 1: a photo with a row of eleven; the twelfth is framed by hand, a hostile file does no harm
    photo, (left, top, right, bottom) = paled(written_sheet, tmp_path / "pale.png")
    page.set_input_files(
        "#photos", {"name": "evil.jpg", "mimeType": "image/jpeg", "buffer": b"<script>alert(1)</script>"}
    )
    shows(page, "#message", "evil.jpg: What was sent is not an image")
    page.set_input_files("#photos", photo)
    shows(page, "#reading", "row 10 (the 9s) has 11 digits, expected 12")
    assert page.locator("#make").is_disabled()
    page.locator(".frame").last.scroll_into_view_if_needed()  # beside the one that was missed
    board = page.locator(".photo img")
    box = board.bounding_box()
    scale = box["width"] / board.evaluate("image => image.naturalWidth")
    page.mouse.move(box["x"] + scale * (left - 3), box["y"] + scale * (top - 3))
    page.mouse.down()
    page.mouse.move(box["x"] + scale * (right + 3), box["y"] + scale * (bottom + 3), steps=4)
    page.mouse.up()
    shows(page, "#reading", "120 found, as promised")
    page.click("#preview")
    playwright.expect(page.locator("#sets img")).to_have_count(2)
    page.click("#make")
    shows(page, "#reading", "The three sets are made")
    assert find_problems(place / "digits") == []
    assert list((place / "runs").glob("sheet_cut/*/replaced sets/Training Set"))

    # 2: a long training that is stopped after a reload; beside it the finder's curve, overruled by a click; a short one
    page.click("text=2 Train")
    page.select_option("#train-model", "mnist_mlp")
    page.fill("#train-lr", "0.001")
    page.fill("#train-epochs", "100000")
    page.click("#start")
    page.click("#find")
    running = "[data-job=finetune_two_layers][data-status=running]"
    shows(page, running, "epoch 3")
    page.reload()
    shows(page, running, "epoch")
    page.wait_for_selector(f"{running} svg path.validation")
    page.locator(running).get_by_text("Stop").click()
    page.wait_for_selector("[data-job=finetune_two_layers][data-status=stopped]")
    assert page.input_value("#train-lr") == ""
    page.locator("#finder svg").click(position={"x": 200, "y": 60})
    assert float(page.input_value("#train-lr")) > 0
    page.select_option("#train-model", "mnist_mlp")
    page.fill("#train-epochs", "3")
    page.click("#start")
    page.click("text=5 Take home")
    page.select_option("#export-model", "mnist_mlp")
    page.click("#export button")
    page.click("text=2 Train")
    page.wait_for_selector("[data-job=finetune_two_layers][data-status=finished]")
    shows(page, "#beside", "validation: ")
    assert page.locator("#beside img[src*=confusion]").count() == 1
    page.locator("#beside").get_by_text("Why were these misread?").click()
    shows(page, "#beside", "in Validation Set misread")

    # 3: a seven drawn with the mouse, what the models read and why, and putting it aside
    page.click("text=3 Draw")
    draw_seven(page)
    playwright.expect(page.locator("[data-answer='7']")).to_have_count(2, timeout=LONG)
    page.click("#why")
    playwright.expect(page.locator("#reasons img")).to_have_count(2, timeout=LONG)
    page.select_option("#keep-class", "7")
    page.click("#keep button")
    shows(page, "#answers", "Put aside as 7")
    assert len(list((place / "runs").glob("drawn/7/*.jpg"))) == 1
    page.set_input_files("#digit-photo", photo)
    playwright.expect(page.locator("#answers img")).to_have_count(1, timeout=LONG)

    # 4 and 5: the runs, Test Set still sealed, a model to take home
    page.click("text=4 Look")
    shows(page, "#openings", "opened 0 times")
    shows(page, "#runs", "finetune two layers")
    page.locator("#runs input").first.check()
    page.wait_for_selector("#looked .card img")
    page.click("text=5 Take home")
    with page.expect_download() as taken:
        page.locator("#home-jobs").get_by_text("Download").click()
    assert taken.value.suggested_filename == "mnist_mlp.pkl"


def draw_seven(page):
    canvas = page.locator("#canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 80, box["y"] + 60)
    page.mouse.down()
    for x, y in ((200, 60), (160, 140), (125, 230)):
        page.mouse.move(box["x"] + x, box["y"] + y, steps=6)
    page.mouse.up()


@needs_browser
def test_two_tabs_do_not_disturb_each_other(browser, page, address, written_note, note_photo, tmp_path):
    other = browser.new_page()
    other.goto(address)
    for tab, photo in ((other, note_photo), (page, paled(written_note, tmp_path / "pale.png")[0])):
        say_note(tab)
        tab.set_input_files("#photos", photo)
    shows(other, "#reading", "30 found, as promised")
    shows(page, "#reading", "29 found")
    assert other.locator("#make").is_enabled()
    assert page.locator("#make").is_disabled()
    other.close()


@needs_browser
def test_everybody_can_use_it(browser, address, note_photo):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # axe puts its script into the page, which the page's own policy would refuse
    tab = browser.new_context(bypass_csp=True).new_page()
    tab.goto(address)
    tab.wait_for_selector("body[data-ready]")
    say_note(tab)
    tab.set_input_files("#photos", note_photo)
    shows(tab, "#reading", "30 found")
    for width, scheme in ((360, "dark"), (1600, "light")):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.emulate_media(color_scheme=scheme)
        for step in ("sheet", "train", "draw", "look", "home"):
            tab.focus(f"nav a[href='#{step}']")
            tab.keyboard.press("Enter")
            tab.wait_for_selector(f"#{step}")
            found = axe.run(tab).response["violations"]
            assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == [], (width, step)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.context.close()


@needs_browser
def test_a_frame_can_be_corrected_by_keyboard_alone(page, note_photo):
    say_note(page)
    page.set_input_files("#photos", note_photo)
    shows(page, "#reading", "30 found, as promised")
    page.focus(".frame >> nth=5")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # leave out
    shows(page, "#reading", "row 1 (the 0s) has 5 digits")
    page.focus("text=Add a frame with the keyboard")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.focus(".frame.out")
    page.keyboard.press("Enter")
    shows(page, "#reading", "30 found, as promised")


@needs_browser
def test_an_upload_that_is_closed_in_the_middle_leaves_no_trace(browser, address):
    """Of which ``address`` would find one when it ends."""
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /sheets/new/photos HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 1000\r\n\r\nx"
        connection.sendall(head.encode())
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.replace("1000", "1").encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")


@needs_browser
def test_a_phone_sends_a_photo_by_its_own_page(browser, monkeypatch, note_photo):
    monkeypatch.setattr(gate, "own_address", lambda: "127.0.0.1")
    kept = []
    door = PhoneDoor(lambda content: decode(content, "What was sent") is not None and kept.append(content))
    phone = browser.new_page(viewport={"width": 360, "height": 700})
    phone.goto(door.address)
    phone.set_input_files("#photo", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"none"})
    shows(phone, "#said", "is not an image")
    phone.set_input_files("#photo", note_photo)
    shows(phone, "#said", "The photo has arrived")
    phone.close()
    door.thread.join(20)
    assert not door.thread.is_alive()
    assert kept == [note_photo.read_bytes()]


def test_a_port_that_is_taken_is_one_line(digits):
    with listen("127.0.0.1", 0) as taken, pytest.raises(ToolkitError, match="--port"):
        serve(taken.getsockname()[1], phone=False, browser=False, digits=digits)
