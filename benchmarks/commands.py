"""How long every command takes as a whole process, beside the imports it cannot do without.

    python -m benchmarks.commands
    python -m benchmarks.commands --only predict,finetune --rounds 9
    python -m benchmarks.commands --assignments

All take turns, round after round, so that a slow minute strikes them alike. Printed are the median of the seconds and
their range, the most memory a process held, and how many times as long as the imports it took. --assignments measures
the two assignments instead, once each: half an hour.
"""

import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer

from toolkit.paths import ROOT

IMPORTS = {  # what a command cannot do without
    "python": "pass",
    "torch": "import torch",
    "torch, timm": "import torch, timm",
    "torch, fastai": "import torch, fastai.learner",
    "all three": "import torch, fastai.learner, timm",
    "pixels": "import cv2, PIL.Image, numpy",
}
DIGIT = "'Validation Set/3/3_01.jpg'"
COMMANDS = {  # the imports each is held against
    "--help": "python",
    "recipe": "python",
    "recipe finetune_two_layers --help": "python",
    f"predict {DIGIT}": "torch, timm",
    f"predict {DIGIT} --model mnist_mlp": "torch",
    "predict docs/images/sheet.jpg --many --out OUT/found.jpg": "torch, timm",
    f"explain {DIGIT} --out OUT/why.png": "torch, timm",
    "recipe finetune_two_layers": "all three",
    "recipe finetune_two_layers --model mnist_mlp": "all three",
    "recipe finetune_two_layers --model mnist_cnn": "all three",
    "recipe finetune_last_layer": "all three",
    "recipe finetune_all_layers": "all three",
    "recipe find_lr": "all three",
    "sheet template --out OUT/template.pdf": "pixels",
    "sheet cut docs/images/sheet.jpg --out OUT/cut": "torch, timm",
    "sheet check": "torch, timm",
    "data mnist": "torch",
    "export mnist_resnet --to onnx --out OUT/onnx": "torch, timm",
    "export mnist_resnet --to web --out OUT/web": "torch, timm",
    "doctor": "torch, timm",
}
ASSIGNMENTS = {
    "recipe assignment_4 --authors Nobody --ids 1 --out OUT": "all three",
    "recipe assignment_2 --ids 1 --out OUT/1.zip": "all three",
}


@dataclass
class Measured:
    """What all runs of one process took."""

    seconds: list[float] = field(default_factory=list)
    megabytes: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def run(self, words: Sequence[str], environment: dict[str, str]) -> None:
        """Once more; ends everything where the command fails."""
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        complaints = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        self.seconds.append(time.perf_counter() - began)
        self.megabytes = max(self.megabytes, usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2))
        if status:
            sys.exit(f"{' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}: {complaints.decode()[-500:]}")


def main(
    rounds: Annotated[int, typer.Option(help="how often each is run")] = 5,
    only: Annotated[str, typer.Option(help="commands that hold one of these words, with commas between")] = "",
    assignments: Annotated[bool, typer.Option(help="the two assignments instead, once each")] = False,
) -> None:
    """Print the table."""
    asked = ASSIGNMENTS if assignments else COMMANDS
    chosen = {name: base for name, base in asked.items() if any(word in name for word in only.split(","))}
    imports = {base: Measured() for base in IMPORTS if base in chosen.values()}
    commands = {name: Measured() for name in chosen}
    for _ in range(1 if assignments else rounds):
        for base, measured in imports.items():
            measured.run(["-W", "ignore", "-c", IMPORTS[base]], dict(os.environ))
        for name, measured in commands.items():
            with tempfile.TemporaryDirectory() as place:
                words = shlex.split(name.replace("OUT", place))
                measured.run(["-m", "toolkit", *words], {**os.environ, "TOOLKIT_RUNS": f"{place}/runs"})
    width = min(60, max(map(len, commands)))
    print(f"{'':{width}}  seconds (lowest to highest)      MB   times the imports")
    for name, measured in [*imports.items(), *commands.items()]:
        base = chosen.get(name, "")
        times = f"{measured.median / imports[base].median:5.2f} {base}" if base else "      (imports)"
        spread = f"{measured.median:7.2f} ({min(measured.seconds):.2f} to {max(measured.seconds):.2f})"
        print(f"{name:{width}}  {spread:27} {measured.megabytes:7.0f}   {times}", flush=True)


if __name__ == "__main__":
    typer.run(main)
