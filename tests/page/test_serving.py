"""The page in a real browser, as somebody who sees it for the first time."""

import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.page.conftest import png
from toolkit.data.image_sets import find_problems
from toolkit.errors import ToolkitError
from toolkit.page.gate import listen
from toolkit.page.serving import serve
from toolkit.paths import ROOT, runs_folder

playwright = pytest.importorskip("playwright.sync_api", reason="the browser is driven by playwright")
CHROMIUM = shutil.which("chromium")
# without these a browser asks its maker's hosts at every start
QUIET = ["no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"]
QUIET += ["disable-component-update", "disable-sync"]
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium")
LONG = 120_000  # ms: a machine may be busy


@pytest.fixture
def address(digits):
    """Of a page that was started as one does; Ctrl-C ends it without a trace."""
    words = [sys.executable, "-m", "toolkit", "page", "--port", "0", "--no-browser", "--digits", str(digits)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        said = process.stdout.readline()
        yield re.search(r"http://127\.0\.0\.1:\d+", said)[0]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert process.returncode == 130


@pytest.fixture
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
    tab.set_default_timeout(LONG)
    tab.goto(address)
    tab.wait_for_selector("body[data-ready]")
    yield tab
    assert {url for url in asked if not url.startswith((address, "data:", "blob:"))} == set()
    assert failures == []


@pytest.fixture
def pale_photo(tmp_path, written_sheet):
    """A row that is found with eleven: the pen hardly wrote the last nine. Its frame in the photo is returned too."""
    pixels = np.array(Image.fromarray(written_sheet.photo).convert("RGB")).astype(float)
    left, top, right, bottom = (round(edge) for edge in written_sheet.digits[-1].box)
    patch = pixels[top - 4 : bottom + 4, left - 4 : right + 4]
    paper = np.percentile(patch, 90)
    patch[:] = paper + 0.22 * (patch - paper)
    path = tmp_path / "pale.png"
    path.write_bytes(png(pixels.astype(np.uint8)))
    return path, (left, top, right, bottom)


def shows(page, selector, text):
    playwright.expect(page.locator(selector)).to_contain_text(text, timeout=LONG)


@needs_browser
def test_the_five_steps(page, address, digits, pale_photo):
    # 1: a photo with a row of eleven; the twelfth is framed by hand, a hostile file does no harm
    photo, (left, top, right, bottom) = pale_photo
    page.set_input_files(
        "#photos", {"name": "evil.jpg", "mimeType": "image/jpeg", "buffer": b"<script>alert(1)</script>"}
    )
    shows(page, "#message", "is not an image")
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
    assert find_problems(digits) == []
    assert list(runs_folder().glob("sheet_cut/*/replaced sets/Training Set"))

    # 2: the finder's curve, overruled by a click; then a short training, and a long one that is stopped after a reload
    page.click("text=2 Train")
    page.select_option("#train-model", "mnist_mlp")
    page.click("#find")
    page.locator("#finder svg").click(position={"x": 200, "y": 60})
    assert float(page.input_value("#train-lr")) > 0
    page.fill("#train-lr", "0.001")
    page.fill("#train-epochs", "100000")
    page.click("#start")
    running = "[data-job=finetune_two_layers][data-status=running]"
    shows(page, running, "epoch 3")
    page.reload()
    shows(page, running, "epoch")
    page.wait_for_selector(f"{running} svg path.validation")
    page.locator(running).get_by_text("Stop").click()
    page.wait_for_selector("[data-job=finetune_two_layers][data-status=stopped]")
    page.select_option("#train-model", "mnist_mlp")
    page.fill("#train-epochs", "3")
    page.click("#start")
    page.wait_for_selector("[data-job=finetune_two_layers][data-status=finished]")
    shows(page, "#beside", "validation: ")
    assert page.locator("#beside img[src*=confusion]").count() == 1

    # 3: a seven drawn with the mouse, what the models read and why, and putting it aside
    page.click("text=3 Draw")
    draw_seven(page)
    playwright.expect(page.locator("[data-answer='7']")).to_have_count(2, timeout=LONG)
    page.click("#why")
    playwright.expect(page.locator("#reasons img")).to_have_count(2, timeout=LONG)
    page.select_option("#keep-class", "7")
    page.click("#keep button")
    shows(page, "#answers", "Put aside as 7")
    assert len(list(runs_folder().glob("drawn/7/*.jpg"))) == 1
    page.set_input_files("#digit-photo", photo)
    playwright.expect(page.locator("#answers img")).to_have_count(1, timeout=LONG)

    # 4 and 5: the runs, Test Set still sealed, a model to take home
    page.click("text=4 Look")
    shows(page, "#openings", "opened 0 times")
    shows(page, "#runs", "finetune two layers")
    page.locator("#runs input").first.check()
    page.wait_for_selector("#looked .card img")
    page.click("text=5 Take home")
    page.select_option("#export-model", "mnist_mlp")
    page.click("#export button")
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
def test_two_tabs_do_not_disturb_each_other(browser, page, address, pale_photo, sheet_photo):
    other = browser.new_page()
    other.goto(address)
    other.set_input_files("#photos", sheet_photo)
    page.set_input_files("#photos", pale_photo[0])
    shows(other, "#reading", "120 found, as promised")
    shows(page, "#reading", "119 found")
    assert other.locator("#make").is_enabled()
    assert page.locator("#make").is_disabled()
    other.close()


@needs_browser
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1600, "light")])
def test_everybody_can_use_it(browser, address, sheet_photo, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # axe puts its script into the page, which the page's own policy would refuse
    context = browser.new_context(bypass_csp=True, viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto(address)
    tab.wait_for_selector("body[data-ready]")
    tab.set_input_files("#photos", sheet_photo)
    shows(tab, "#reading", "120 found")
    for step in ("sheet", "train", "draw", "look", "home"):
        tab.focus(f"nav a[href='#{step}']")
        tab.keyboard.press("Enter")
        tab.wait_for_selector(f"#{step}")
        found = axe.run(tab).response["violations"]
        assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


@needs_browser
def test_a_frame_can_be_corrected_by_keyboard_alone(page, sheet_photo):
    page.set_input_files("#photos", sheet_photo)
    shows(page, "#reading", "120 found, as promised")
    page.focus(".frame >> nth=5")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # leave out
    shows(page, "#reading", "row 1 (the 0s) has 11 digits")
    page.focus("text=Add a frame with the keyboard")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.focus(".frame.out")
    page.keyboard.press("Enter")
    shows(page, "#reading", "120 found, as promised")


def test_a_port_that_is_taken_is_one_line(digits):
    with listen("127.0.0.1", 0) as taken, pytest.raises(ToolkitError, match="--port"):
        serve(taken.getsockname()[1], phone=False, browser=False, digits=digits)
