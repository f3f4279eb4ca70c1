"""Does the exported page read as Python does? ``python -m benchmarks.web_export --model mnist_resnet``

Draws digits on the page's canvas in headless Chromium, with a round pen of many widths, large and small, anywhere:
scikit-learn's handwritten digits, thinned to the middle of their strokes. Each canvas goes through the page's
``readDrawing`` and, as grey values, through ``isolate_ink``, ``normal_form`` and the network. Needs Playwright, a
Chromium, and npm once.
"""

import argparse
import base64
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.example_digits import WRITERS, writer_ink
from benchmarks.simulate.writers import EDGE, thin
from toolkit.images.normal_form import SIDE, normal_form
from toolkit.images.single_digit import isolate_ink
from toolkit.models.bundle import load_model
from toolkit.training.web_export import make_page

CANVAS = 280
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DRAW = """async drawings => {
  const answers = [];
  for (const { width, lines } of drawings) {
    pen.fillRect(0, 0, SIZE, SIZE);
    pen.lineWidth = width;
    pen.beginPath();
    for (const [x0, y0, x1, y1] of lines) { pen.moveTo(x0, y0); pen.lineTo(x1, y1); }
    pen.stroke();
    const pixels = pen.getImageData(0, 0, SIZE, SIZE).data;
    const begin = performance.now(), { image, probabilities } = await readDrawing(pixels);
    const seconds = (performance.now() - begin) / 1000;
    const grey = Array.from(new Uint8Array(new Uint32Array(pixels.buffer)), value => String.fromCharCode(value));
    answers.push({ grey: btoa(grey.join("")), image: [...image], probabilities: [...probabilities], seconds });
  }
  return answers;
}"""


@dataclass(frozen=True)
class Comparison:
    """Page and Python on ``n`` drawings."""

    n: int
    same_image: int  # the 28x28 pixels are the same, byte for byte
    same_answer: int
    largest_difference: float  # of a probability
    seconds: list[float]  # in the browser, of each drawing


def drawings(count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Pen widths, pixels, and lines, (x0, y0, x1, y1), that write digits on a canvas of 280x280."""
    rng = np.random.default_rng(seed)
    inks = [ink for writer in range(WRITERS) for images in writer_ink(writer).values() for ink in images]
    for number in rng.permutation(len(inks))[:count]:
        y, x = np.nonzero(thin(np.pad(inks[number], 2) > EDGE))
        places = set(zip(x.tolist(), y.tolist(), strict=True))
        steps = ((0, 0), (1, 0), (0, 1), (1, 1), (1, -1))
        ends = [(a, b, a + i, b + j) for a, b in sorted(places) for i, j in steps if (a + i, b + j) in places]
        lines = np.array(ends, float) - np.tile([x.min(), y.min()], 2)
        size, width = rng.uniform(60, 240), rng.uniform(6, 36)
        lines *= size / lines.max()
        room = np.maximum(0, CANVAS - width - lines.reshape(-1, 2).max(axis=0))
        lines += np.tile(width / 2 + rng.uniform(0, room), 2)
        yield {"width": width, "lines": lines.round(2).tolist()}


@contextmanager
def opened(page: Path) -> Iterator[Any]:
    """The page in headless Chromium, as a double click opens it, ready to read."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        tab = browser.new_page()
        tab.goto(page.as_uri())
        tab.evaluate("loaded.then(() => null)")
        yield tab
        browser.close()


def compare(tab: Any, network: torch.nn.Module, drawn: Sequence[dict[str, Any]]) -> Comparison:
    """Read the drawings in the open page and in Python."""
    answers = [answer for start in range(0, len(drawn), 50) for answer in tab.evaluate(DRAW, drawn[start : start + 50])]
    greys = [np.frombuffer(base64.b64decode(answer["grey"]), np.uint8).reshape(CANVAS, CANVAS) for answer in answers]
    images = np.stack([normal_form(isolate_ink(grey)) for grey in greys])
    with torch.inference_mode():
        expected = torch.softmax(network(torch.from_numpy(images[:, None])), dim=1).numpy()
    found = np.array([answer["probabilities"] for answer in answers])
    seen = np.array([answer["image"] for answer in answers]).reshape(-1, SIDE, SIDE)
    return Comparison(
        n=len(answers),
        same_image=int((seen == images).all(axis=(1, 2)).sum()),
        same_answer=int((found.argmax(1) == expected.argmax(1)).sum()),
        largest_difference=float(np.abs(found - expected).max()),
        seconds=[answer["seconds"] for answer in answers],
    )


def main() -> None:
    """Print how often page and Python agree, and how long the page takes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="mnist_resnet")
    parser.add_argument("--drawings", type=int, default=1000)
    chosen = parser.parse_args()
    network, card = load_model(chosen.model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_bytes(make_page(network, card)[0])
        with opened(path) as tab:
            result = compare(tab, network, list(drawings(chosen.drawings)))
    print(f"{chosen.model}, {result.n:,} drawings:")
    print(f"the same 28x28 pixels {result.same_image:,}, the same answer {result.same_answer:,}")
    print(f"largest difference of a probability {result.largest_difference:.1e}")
    middle, high = np.quantile(result.seconds, [0.5, 0.95])
    print(f"seconds from canvas to answer: median {middle:.3f}, 95th percentile {high:.3f}")


if __name__ == "__main__":
    main()
