"""How quick the page is, in a real browser: from its command to a usable page, from a pen's lift to the answer.

    python -m benchmarks.page
    python -m benchmarks.page --drawings 100 --pictures docs/images

Needs playwright (requirements-dev.txt) and a chromium. With --pictures it takes the documentation's screenshots too.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image

from toolkit.paths import ROOT

QUIET = ["no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"]
QUIET += ["disable-component-update", "disable-sync"]
WATCH = """() => { window.took = new Promise((done) => {
  let began;
  const pen = document.querySelector("#canvas");
  pen.addEventListener("pointerup", () => { began = performance.now(); }, { capture: true, once: true });
  new MutationObserver(() => {
    if (document.querySelector("[data-answer]")) done(performance.now() - began);
  }).observe(document.querySelector("#answers"), { childList: true });
}); }"""
STROKES = {  # of some digits, on a canvas of 280 pixels
    "1": [(140, 50), (135, 230)],
    "2": [(90, 90), (140, 50), (190, 95), (90, 225), (200, 225)],
    "3": [(90, 60), (180, 70), (130, 130), (190, 180), (90, 230)],
    "7": [(80, 60), (200, 60), (160, 140), (125, 230)],
}


def main(
    starts: Annotated[int, typer.Option(help="how often the page is started")] = 5,
    drawings: Annotated[int, typer.Option(help="how many digits are drawn")] = 100,
    pictures: Annotated[Path | None, typer.Option(help="folder for the screenshots of the documentation")] = None,
) -> None:
    """Print medians and 95th percentiles."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        os.environ["TOOLKIT_RUNS"] = f"{place}/runs"
        digits = Path(place) / "digits"
        words = [f"--{word}" for word in QUIET]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=words)
        seconds = []
        for start in range(starts):
            began = time.perf_counter()
            with started(digits) as (process, address):
                tab = browser.new_page(viewport={"width": 1000, "height": 760})
                tab.goto(address)
                tab.wait_for_selector("body[data-ready]")
                seconds.append(time.perf_counter() - began)
                if start == starts - 1:
                    tell_answers(tab, drawings)
                    if pictures:
                        take_pictures(tab, pictures)
                tab.close()
                process.send_signal(signal.SIGINT)
        said = ", ".join(f"{value:.1f}" for value in sorted(seconds))
        print(f"from the command to a usable page: median {np.median(seconds):.1f} s of {starts} starts ({said})")


@contextmanager
def started(digits: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The page's process and its address."""
    words = ["-m", "toolkit", "page", "--port", "0", "--no-browser", "--digits", str(digits)]
    with subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().split()[1]


def draw(tab: Any, points: list[tuple[int, int]], shift: np.ndarray) -> float:
    """Draw by mouse moves; returns the seconds from the pen's lift to the answer on the page."""
    tab.click("#clear")
    box = tab.locator("#canvas").bounding_box()
    at = np.array(points) + shift + (box["x"], box["y"])
    tab.mouse.move(*at[0])
    tab.mouse.down()
    for x, y in at[1:]:
        tab.mouse.move(x, y, steps=4)
    tab.evaluate(WATCH)
    tab.mouse.up()
    return float(tab.evaluate("window.took")) / 1000


def tell_answers(tab: Any, count: int) -> None:
    """Draw digits with two models ticked and print how long the answers took."""
    tab.click("text=3 Draw")
    for model in ("mnist_cnn", "mnist_resnet"):
        tab.check(f"#readers input[value={model}]")
    random = np.random.default_rng(0)
    draw(tab, STROKES["7"], np.zeros(2))  # the models are read from the disk
    took = [
        draw(tab, points, random.uniform(-25, 25, 2))
        for _, points in zip(range(count), cycle(STROKES.values()), strict=False)
    ]
    print(
        f"from the pen's lift to the answers of two models: median {1000 * np.median(took):.0f} ms, "
        f"95th percentile {1000 * np.percentile(took, 95):.0f} ms of {count} drawings"
    )


def take_pictures(tab: Any, folder: Path) -> None:
    """The screenshots in docs/: a photo with its frames, a curve and a training, a drawing and why it was read so."""

    def take(name: str) -> None:
        tab.mouse.move(0, 0)
        path = folder / f"page_{name}.png"
        tab.screenshot(path=path)
        Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)
        print(f"Written: {path}")

    tab.click("text=1 Sheet")
    tab.set_input_files("#photos", ROOT / "docs" / "images" / "sheet.jpg")
    tab.wait_for_selector(".frame >> nth=119")
    tab.locator("#reading").scroll_into_view_if_needed()
    tab.evaluate("document.querySelector('#reading').scrollIntoView()")
    take("sheet")
    tab.click("#make")
    tab.wait_for_selector("#sets img[src*=contact]")
    tab.click("text=2 Train")
    tab.fill("#train-epochs", "20")
    tab.click("#find")
    tab.wait_for_selector("#finder svg", timeout=120_000)
    tab.click("#start")
    tab.wait_for_selector("[data-job=finetune_two_layers][data-status=finished]", timeout=240_000)
    tab.evaluate("document.querySelector('#find').scrollIntoView()")
    take("train")
    tab.set_viewport_size({"width": 1000, "height": 1060})
    tab.click("text=3 Draw")
    tab.uncheck("#readers input[value=mnist_cnn]")
    draw(tab, STROKES["7"], np.zeros(2))
    tab.click("#why")
    tab.wait_for_selector("#reasons img", timeout=120_000)
    take("draw")


if __name__ == "__main__":
    typer.run(main)
