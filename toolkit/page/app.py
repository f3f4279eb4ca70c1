"""What the page can ask for: each answer is a call of what the command line calls, as JSON or a picture."""

import json
import secrets
import threading
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from toolkit.classes import DIGITS
from toolkit.data.image_sets import load_sets
from toolkit.errors import ToolkitError
from toolkit.evaluation.sealed_test import openings
from toolkit.experiments.exporting import KINDS
from toolkit.models.bundle import published_models
from toolkit.page.gate import PhoneDoor, body_of
from toolkit.page.jobs import OFFERED, Job, Jobs, form, offered, words_for
from toolkit.page.past_runs import PastRun, past_runs, summaries
from toolkit.page.readers import Readers
from toolkit.page.sheets import Asked, SheetDesk, present_sets
from toolkit.paths import ROOT, make_folder, runs_folder

OWN_FILES = {"": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
TO_TAKE = ("Assignment 4 Results.xlsx", "Assignment 4_Report.pdf", "*.zip")  # in the repository
MOST_JSON = 200_000  # bytes


class Page:
    """What this page knows while it is open. Whatever a browser names is looked up here: it never names a file."""

    def __init__(self, digits: Path | None = None, phone: bool = False) -> None:
        self.digits, self.phone_wanted = digits, phone
        self.folder = make_folder(runs_folder() / "page")
        self.jobs, self.readers = Jobs(self.folder), Readers(digits, self.folder)
        self.desks: dict[str, SheetDesk] = {}
        self.phone: PhoneDoor | None = None
        self.busy = threading.Lock()  # one computation at a time: torch takes all cores for each

    def app(self) -> Starlette:
        """The routes."""
        routes = [
            *(Route(f"/{name}", partial(self._own_file, name)) for name in OWN_FILES),
            self._get("/state", self.state),
            self._get("/runs/{run}", self.run),
            Route("/runs/{run}/{picture}", self.picture),
            self._get("/jobs", lambda _: [job.record() for job in self.jobs.known.values()]),
            self._post("/jobs", self.start),
            self._post("/jobs/{job}/stop", self.stop),
            Route("/jobs/{job}/file", self.job_file),
            Route("/take/{number:int}", self.take),
            self._post("/photos", self.add_photo, json_sent=False),
            self._post("/sheets/{sheet}", lambda request, sent: self.desk(request).read(_asked(sent))),
            self._post("/sheets/{sheet}/make", self.make_sets),
            Route("/sheets/{sheet}/{picture}", self.sheet_picture),
            self._post("/phone", self.open_phone),
            self._post("/read", self.readers.read, json_sent=False),
            self._post("/explain", self.readers.explain, json_sent=False),
            self._post("/keep", self.readers.keep, json_sent=False),
        ]
        handlers = {ToolkitError: _complain, OSError: _complain}
        return Starlette(routes=routes, exception_handlers=handlers)

    def close(self) -> None:
        """End what is running."""
        self.jobs.close()
        if self.phone:
            self.phone.close()

    def _get(self, path: str, answer: Callable[[Request], Any]) -> Route:
        async def endpoint(request: Request) -> Response:
            return JSONResponse(await run_in_threadpool(answer, request))

        return Route(path, endpoint)

    def _post(self, path: str, answer: Callable[[Request, Any], Any], json_sent: bool = True) -> Route:
        """``answer`` is given the request and what was sent: JSON, or bytes."""

        def work(request: Request, sent: Any) -> Any:
            with self.busy:
                return answer(request, sent)

        async def endpoint(request: Request) -> Response:
            if json_sent:
                sent: Any = _json(await body_of(request, MOST_JSON))
            else:
                sent = await body_of(request)
            return JSONResponse(await run_in_threadpool(work, request, sent))

        return Route(path, endpoint, methods=["POST"])

    async def _own_file(self, name: str, request: Request) -> Response:
        content = files("toolkit.page").joinpath(name or "page.html").read_text("utf-8")
        return Response(content, media_type=OWN_FILES[name])

    def state(self, request: Request) -> dict[str, Any]:
        """All that the page shows when it opens, but for photos and drawings."""
        return {
            "recipes": {
                step: {name: form(offered(name)) for name in names if (ROOT / "recipes" / f"{name}.py").is_file()}
                for step, names in OFFERED.items()
            },
            "published": published_models(),
            "readers": self.readers.choices(),
            "runs": summaries(),
            "openings": len(openings()),
            "classes": list(self.classes()),
            "take": [path.name for path in _to_take()],
            "exports": list(KINDS),
            "phone": self.phone_wanted,
            "digits": str(self.digits or ROOT),
        }

    def classes(self) -> tuple[str, ...]:
        """Those of the sets, or the digits while there are none."""
        try:
            return load_sets(self.digits).classes
        except ToolkitError:
            return DIGITS

    def run(self, request: Request) -> dict[str, Any]:
        """One run with all that its curves need."""
        return _run(request).details()

    async def picture(self, request: Request) -> Response:
        """A run's picture, one of those that were listed."""
        pictures = {path.name: path for path in (await run_in_threadpool(_run, request)).pictures()}
        if request.path_params["picture"] not in pictures:
            raise HTTPException(404)
        return FileResponse(pictures[request.path_params["picture"]])

    def start(self, request: Request, sent: Any) -> dict[str, Any]:
        """Start a recipe, or an export."""
        if "to" not in sent:
            return self.jobs.start(words_for(str(sent.get("recipe")), sent.get("options", {}), self.digits)).record()
        place, kind = self.readers.place(str(sent.get("model"))), str(sent["to"])
        if kind not in KINDS:
            raise ToolkitError(f"There is no export '{kind[:20]}'. Choose one of {', '.join(KINDS)}.")
        name = place if isinstance(place, str) else place.parent.name
        out = make_folder(self.folder / secrets.token_hex(8)) / f"{name}{Path(KINDS[kind]).suffix}"
        return self.jobs.start(("export", str(place), "--to", kind, "--out", str(out)), out).record()

    def stop(self, request: Request, sent: Any) -> dict[str, Any]:
        """End a command as Ctrl-C does; what it learned so far is kept."""
        job = self._job(request)
        job.process.terminate()
        return job.record()

    async def job_file(self, request: Request) -> Response:
        """What an export wrote."""
        job = self._job(request)
        if not job.record()["file"] or job.out is None:
            raise HTTPException(404)
        return FileResponse(job.out, filename=job.out.name)

    async def take(self, request: Request) -> Response:
        """Workbook, report or zip."""
        ready = _to_take()
        number = request.path_params["number"]
        if number >= len(ready):
            raise HTTPException(404)
        return FileResponse(ready[number], filename=ready[number].name)

    def add_photo(self, request: Request, sent: bytes) -> dict[str, Any]:
        """Add a photo to a sheet, a new one if none is named."""
        if "sheet" in request.query_params:
            desk = self.desk(request, request.query_params["sheet"])
        else:
            desk = SheetDesk(self.folder, self.digits)
            self.desks[desk.name] = desk
        if sent:
            desk.add(sent)
        return {"sheet": desk.name, "photos": len(desk.photos)}

    def make_sets(self, request: Request, sent: Any) -> dict[str, Any]:
        """Cut the sets."""
        return PastRun(self.desk(request).make(_asked(sent))).summary()

    async def sheet_picture(self, request: Request) -> Response:
        """A photo by its number, the sets as they would be, or those that there are."""
        desk, name = self.desk(request), request.path_params["picture"]
        if name in map(str, range(len(desk.readings))):
            return Response(await run_in_threadpool(desk.picture, int(name)), media_type="image/jpeg")
        drawn: dict[str, Callable[[], bytes]] = {
            "before": partial(present_sets, self.digits),
            "after": desk.contact_sheet,
        }
        if name not in drawn:
            raise HTTPException(404)
        return Response(await run_in_threadpool(drawn[name]), media_type="image/png")

    def open_phone(self, request: Request, sent: Any) -> dict[str, Any]:
        """Open the door for one photo; the address and its QR code."""
        if not self.phone_wanted:
            raise ToolkitError("Phones are not let in. Start the page again with --phone.")
        import zxingcpp

        desk = self.desk(request, str(sent.get("sheet")))
        if self.phone:
            self.phone.close()
        self.phone = PhoneDoor(desk.add)
        code = zxingcpp.create_barcode(self.phone.address, zxingcpp.BarcodeFormat.QRCode)
        return {"address": self.phone.address, "code": code.to_svg()}

    def desk(self, request: Request, name: str = "") -> SheetDesk:
        """The photos that a browser speaks of."""
        name = name or request.path_params["sheet"]
        if name not in self.desks:
            raise ToolkitError("The page was started again since. Upload the photo once more.")
        return self.desks[name]

    def _job(self, request: Request) -> Job:
        name = request.path_params["job"]
        if name not in self.jobs.known:
            raise HTTPException(404)
        return self.jobs.known[name]


def _complain(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(ToolkitError(str(error)))}, 400)


def _json(content: bytes) -> dict[str, Any]:
    try:
        sent = json.loads(content or b"{}")
    except (ValueError, RecursionError) as error:
        raise ToolkitError(f"What was sent is no JSON: {error}.") from error
    if not isinstance(sent, dict):
        raise ToolkitError("What was sent is no JSON object.")
    return sent


def _asked(sent: Any) -> Asked:
    try:
        return TypeAdapter(Asked).validate_python(sent)
    except ValidationError as error:
        raise ToolkitError(f"What was sent does not describe a sheet: {error.errors()[0]['msg']}.") from error


def _run(request: Request) -> PastRun:
    for run in past_runs():
        if run.id == request.path_params["run"]:
            return run
    raise HTTPException(404)


def _to_take() -> list[Path]:
    return sorted(path for pattern in TO_TAKE for path in ROOT.glob(pattern) if path.is_file())
