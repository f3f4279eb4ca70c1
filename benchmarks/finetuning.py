"""How good and how fast is fine-tuning, over seeds? ``python -m benchmarks.finetuning``

Runs the three recipes as they come, from each published model, with seeds 0 to 4, on the shipped digits.
"""

import contextlib
import io
import statistics
import time
from importlib import import_module

from toolkit.models.bundle import published_models

RECIPES = ("finetune_last_layer", "finetune_two_layers", "finetune_all_layers")
SEEDS = range(5)


def main() -> None:
    """Print validation accuracy and time of every combination."""
    print(f"{'recipe':20} {'model':13} right of 20, seeds 0 to {SEEDS[-1]}    mean     seconds, median")
    for recipe in RECIPES:
        for model in published_models():
            scores, seconds = [], []
            for seed in SEEDS:
                started = time.perf_counter()
                with contextlib.redirect_stdout(io.StringIO()):
                    scores.append(import_module(f"recipes.{recipe}").run(model=model, seed=seed))
                seconds.append(time.perf_counter() - started)
            right = " ".join(f"{score.correct:2}" for score in scores)
            mean = 100 * statistics.mean(score.accuracy for score in scores)
            print(f"{recipe:20} {model:13} {right:29} {mean:5.1f} %  {statistics.median(seconds):5.1f}", flush=True)


if __name__ == "__main__":
    main()
