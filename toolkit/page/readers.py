"""Models that read what was drawn or photographed, kept in memory while the page is open."""

import base64
import threading
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image
from starlette.requests import Request
from torch import nn

from toolkit.classes import check_name
from toolkit.errors import ToolkitError
from toolkit.evaluation.prediction import likeliest, read_many, verdict
from toolkit.images.normal_form import normal_form
from toolkit.images.reading import decode
from toolkit.images.single_digit import isolate_ink, shows_many
from toolkit.models.bundle import ModelCard, load_model, published_models
from toolkit.page.past_runs import run_id
from toolkit.paths import runs_folder
from toolkit.reporting.sheet_pictures import draw_found, encoded, save_picture
from toolkit.runs import past_runs

MOST_RUNS = 8  # fine-tuned models that are offered, the latest
MOST_LOADED = 8
USUAL = "mnist_resnet"


@dataclass
class Reader:
    """A model; and training images with their features, once somebody has asked why it read something."""

    network: nn.Module
    card: ModelCard
    known: Any = None


class Readers:
    """The published models and the latest fine-tuned ones, by ids."""

    def __init__(self, digits: Path | None) -> None:
        self.digits = digits
        self.loaded = lru_cache(MOST_LOADED)(lambda place: Reader(*load_model(place)))
        self.loading = threading.Lock()

    def choices(self) -> list[dict[str, Any]]:
        """What the page offers; the published model and the latest fine-tuned one are ticked."""
        published = [{"id": name, "name": name, "usual": name == USUAL} for name in published_models()]
        tuned = [
            {"id": run_id(folder), "name": f"{folder.parent.name.replace('_', ' ')}, {folder.name}", "usual": i == 0}
            for i, folder in enumerate(self._tuned())
        ]
        return published + tuned

    def _tuned(self) -> list[Path]:
        return [folder for folder in past_runs("finetune_*") if (folder / "model" / "model.json").is_file()][:MOST_RUNS]

    def place(self, name: str) -> str | Path:
        """What ``load_model`` takes, for an id."""
        if name in published_models():
            return name
        for folder in self._tuned():
            if run_id(folder) == name:
                return folder
        raise ToolkitError(f"There is no model '{name[:40]}'. Choose one that the page shows.")

    def load(self, place: str | Path = USUAL) -> Reader:
        """A model, read from the disk once, however many ask for it meanwhile."""
        with self.loading:
            return self.loaded(place)

    def chosen(self, request: Request) -> list[Reader]:
        """The models that the request names."""
        if names := request.query_params.getlist("model")[:MOST_LOADED]:
            return [self.load(self.place(name)) for name in names]
        raise ToolkitError("No model is chosen. Tick one.")

    def read_photo(self, request: Request, sent: bytes) -> dict[str, Any]:
        """What the models read in a photo, of one or of many."""
        grey, chosen = decode(sent, "The picture"), self.chosen(request)
        if not shows_many(grey):
            return self.read_drawing(request, sent)
        found = [read_many(one.network, one.card, grey) for one in chosen]
        models = [
            {"name": reader.card.name, "rows": [[str(one.answer) for one in row] for row in rows]}
            for reader, rows in zip(chosen, found, strict=True)
        ]
        return {"many": True, "picture": _data_uri(encoded(draw_found(grey, found[0]))), "models": models}

    def read_drawing(self, request: Request, sent: bytes) -> dict[str, Any]:
        """What they read in a drawing of one, which is not asked whether it shows many: that takes longer."""
        image, models = normal_form(isolate_ink(decode(sent, "The drawing"))), []
        for reader in self.chosen(request):
            card, top = reader.card, min(5, len(reader.card.classes))
            (answer,) = likeliest(reader.network, card, image[None], top)
            models.append({"name": card.name, "top": answer.top, "verdict": verdict(answer, card.classes)})
        return {"many": False, "picture": _data_uri(encoded(Image.fromarray(255 - image))), "models": models}

    def explain(self, request: Request, sent: bytes) -> dict[str, Any]:
        """Why they read it so: a picture for each."""
        from toolkit.evaluation.explaining import explain, know  # a second to import, for who asks
        from toolkit.experiments.explaining import training_images
        from toolkit.reporting.explanation_plots import plot_explanations
        from toolkit.reporting.plots import figure_png

        image = normal_form(isolate_ink(decode(sent, "The drawing")))
        models = []
        for reader in self.chosen(request):
            reader.known = reader.known or know(reader.network, training_images(reader.card, self.digits)[0])
            explained = explain(reader.network, reader.card.classes, image, reader.known)
            picture = _data_uri(figure_png(plot_explanations([("drawing", explained)])))
            models.append({"name": reader.card.name, "said": str(explained), "picture": picture})
        return {"models": models}

    def why_misread(self, folder: Path) -> dict[str, str]:
        """The same for what a run's model misread of its Validation Set."""
        from toolkit.experiments.explaining import explain_misread
        from toolkit.reporting.explanation_plots import plot_explanations
        from toolkit.reporting.plots import figure_png

        named, said = explain_misread(folder)
        return {"said": said, "picture": _data_uri(figure_png(plot_explanations(named))) if named else ""}

    def keep(self, request: Request, sent: bytes) -> dict[str, Any]:
        """Put a drawing aside, in the form of an image to train on; never into one of the three sets."""
        label = check_name(request.query_params.get("label", ""))
        image = normal_form(isolate_ink(decode(sent, "The drawing")))
        path = runs_folder() / "drawn" / label / f"{label}_{datetime.now():%Y-%m-%d_%H-%M-%S-%f}.jpg"
        save_picture(Image.fromarray(image), path, quality=95)
        return {"said": f"Put aside as {label}: {path}"}


def _data_uri(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"
