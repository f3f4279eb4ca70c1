"""What the page can ask for: each answer is a call of what the command line calls, as JSON or a picture."""

import json
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from toolkit.classes import DIGITS
from toolkit.data.image_sets import load_sets
from toolkit.doors import read_file
from toolkit.errors import ToolkitError
from toolkit.evaluation.sealed_test import openings
from toolkit.experiments.exporting import KINDS
from toolkit.images.reading import LARGEST_FILE
from toolkit.models.bundle import published_models
from toolkit.page.gate import PhoneDoor, application, body_of, own_file
from toolkit.page.jobs import OFFERED, Job, Jobs, form, words_for
from toolkit.page.past_runs import details, pictures, run_id, summaries, summary
from toolkit.page.readers import Readers
from toolkit.page.sheets import Asked, SheetDesk, present_sets
from toolkit.paths import RECIPES, ROOT, left_behind, make_folder, own_name, runs_folder
from toolkit.runs import past_runs

TO_TAKE = ("Assignment 4 Results.xlsx", "Assignment 4_Report.pdf", "*.zip")  # in the repository
MOST_JSON = 200_000  # bytes
LARGEST_DRAWING = 1_000_000  # bytes
MOST_DESKS = 8  # tabs that have photos
T = TypeVar("T")


class Page:
    """What this page knows while it is open. Whatever a browser names is looked up here: it never names a file."""

    def __init__(self, digits: Path | None = None, phone: bool = False) -> None:
        self.digits, self.phone_wanted = digits and digits.absolute(), phone  # a command begins in another folder
        self.folder = make_folder(runs_folder() / "page")
        _tidy(self.folder)
        self.jobs, self.readers = Jobs(self.folder), Readers(self.digits)
        self.desks: dict[str, SheetDesk] = {}
        self.phone: tuple[SheetDesk, PhoneDoor] | None = None
        self.slow = threading.Lock()  # one computation of seconds at a time: each takes all cores

    def app(self) -> Starlette:
        """The routes. What takes seconds waits for what else does; nothing else waits."""
        readers = self.readers
        routes = [
            _get("/", lambda _: own_file("page.html")),
            _get("/page.css", lambda _: own_file("page.css")),
            _get("/page.js", lambda _: own_file("page.js")),
            _get("/state", self.state),
            _get("/runs/{run}", lambda request: details(_run(request))),
            _post("/runs/{run}/why", self._slowly(lambda request, _: readers.why_misread(_run(request)))),
            _get("/runs/{run}/{file}", lambda request: _file(request, pictures(_run(request)))),
            _get("/jobs", lambda _: self.jobs.records()),
            _post("/recipes/{recipe}", self.start, dict[str, str | bool]),
            _post("/jobs/{job}/stop", lambda request, _: self._job(request).stop()),
            _get("/jobs/{job}/{file}", lambda request: _file(request, self._job(request).files())),
            _post("/exports/{kind}/{model}", self.export),
            _get("/take/{file}", lambda request: _file(request, _to_take())),
            _post("/sheets/{sheet}/photos", self._slowly(self.add_photo)),
            _get("/sheets/{sheet}", self.sheet_state),
            _post("/sheets/{sheet}", self._slowly(lambda request, sent: self.desk(request).read(sent)), Asked),
            _post("/sheets/{sheet}/make", self._slowly(self.make_sets), Asked),
            _post("/sheets/{sheet}/phone", self.open_phone),
            _post("/sheets/{sheet}/{number:int}/drop", self._slowly(self.drop_photo)),
            _get("/sheets/{sheet}/{number:int}", self.sheet_photo),
            _get("/sheets/{sheet}/before", self._slowly(lambda _: _png(present_sets(self.digits)))),
            _get("/sheets/{sheet}/after", self._slowly(lambda request: _png(self.desk(request).contact_sheet()))),
            _post("/read/drawing", readers.read_drawing, most=LARGEST_DRAWING),
            _post("/read/photo", self._slowly(readers.read_photo)),
            _post("/explain", self._slowly(readers.explain)),
            _post("/keep", self._slowly(readers.keep)),
        ]
        return application(routes)

    def close(self) -> None:
        """End what is running, and keep nothing that no run's record names."""
        if self.phone:
            self.phone[1].close()
        self.jobs.close()
        for desk in self.desks.values():
            desk.forget()

    def _slowly(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        def wait(*given: Any) -> Any:
            with self.slow:
                return answer(*given)

        return wait

    def state(self, request: Request) -> dict[str, Any]:
        """All that the page shows when it opens, but for photos and drawings."""
        try:
            classes = load_sets(self.digits).classes
        except ToolkitError:  # there are no sets yet
            classes = DIGITS
        return {
            "recipes": {
                step: {name: form(name) for name in names if (RECIPES / f"{name}.py").is_file()}
                for step, names in OFFERED.items()
            },
            "published": published_models(),
            "readers": self.readers.choices(),
            "runs": summaries(),
            "openings": len(openings()),
            "classes": classes,
            "take": list(_to_take()),
            "exports": list(KINDS),
            "phone": self.phone_wanted,
        }

    def start(self, request: Request, options: dict[str, str | bool]) -> dict[str, Any]:
        return self.jobs.start(words_for(request.path_params["recipe"], options, self.digits))

    def export(self, request: Request, _: bytes) -> dict[str, Any]:
        place, kind = self.readers.place(request.path_params["model"]), request.path_params["kind"]
        if kind not in KINDS:
            raise ToolkitError(f"There is no export '{kind[:20]}'. Choose one of {', '.join(KINDS)}.")
        name = place if isinstance(place, str) else place.parent.name
        return self.jobs.start(("export", str(place), "--to", kind), f"{name}{Path(KINDS[kind]).suffix}")

    def add_photo(self, request: Request, sent: bytes) -> dict[str, Any]:
        """Add a photo to a sheet; where there is none of this name (any more), to a new one."""
        try:
            desk = self.desk(request)
        except ToolkitError:
            while len(self.desks) >= MOST_DESKS:
                self.desks.pop(next(iter(self.desks))).forget()
            name = own_name()
            desk = self.desks[name] = SheetDesk(self.folder / name, self.digits)
        if sent:
            desk.add(sent)
        return {"sheet": desk.folder.name, "photos": len(desk.photos)}

    def sheet_state(self, request: Request) -> dict[str, Any]:
        """How many photos it has, and whether a phone may send one."""
        desk = self.desk(request)
        waiting = bool(self.phone and self.phone[0] is desk and self.phone[1].open)
        return {"photos": len(desk.photos), "phone": waiting}

    def make_sets(self, request: Request, sent: Asked) -> dict[str, Any]:
        folder = self.desk(request).make(sent)
        self.readers.loaded.cache_clear()  # and with it the images that were the nearest
        return summary(folder)

    def drop_photo(self, request: Request, sent: bytes) -> None:
        self.desk(request).drop(request.path_params["number"])

    def sheet_photo(self, request: Request) -> Response:
        """A photo, upright."""
        desk, number = self.desk(request), request.path_params["number"]
        if not (number < len(desk.photos) and (seen := desk.seen.get(desk.photos[number]))):
            raise HTTPException(404)
        return Response(seen.shown, media_type="image/jpeg")

    def open_phone(self, request: Request, sent: bytes) -> dict[str, Any]:
        """Open the door for one photo; the address and its QR code."""
        if not self.phone_wanted:
            raise ToolkitError("Phones are not let in. Start the page again with --phone.")
        import zxingcpp

        desk = self.desk(request)
        if self.phone:
            self.phone[1].close()
        door = PhoneDoor(self._slowly(desk.add))
        self.phone = desk, door
        code = zxingcpp.create_barcode(door.address, zxingcpp.BarcodeFormat.QRCode)
        return {"address": door.address, "code": code.to_svg()}

    def desk(self, request: Request) -> SheetDesk:
        """The photos that a browser speaks of."""
        if desk := self.desks.get(request.path_params["sheet"]):
            return desk
        raise ToolkitError("These photos are no longer here. Choose them once more.")

    def _job(self, request: Request) -> Job:
        return _named(request, "job", self.jobs.known)


def _tidy(folder: Path) -> None:
    """Remove what pages that were killed left in ``folder``, but for the photos that a run's record names."""
    records = [read_file(run / "run.json") for run in past_runs("sheet_cut")]
    for left in left_behind(folder):
        if not any(left.name.encode() in record for record in records):
            shutil.rmtree(left, ignore_errors=True)


def _get(path: str, answer: Callable[[Request], Any]) -> Route:
    return Route(path, lambda request: _response(answer(request)))  # in a thread, since it is no coroutine


def _post(path: str, answer: Callable[[Request, Any], Any], kind: Any = None, most: int = LARGEST_FILE) -> Route:
    """``answer`` is given the request and what was sent: JSON of a ``kind``, or bytes, at most so many."""

    async def endpoint(request: Request) -> Response:
        sent: Any = await body_of(request, MOST_JSON if kind else most)
        if kind:
            sent = TypeAdapter(kind).validate_json(sent)
        return _response(await run_in_threadpool(answer, request, sent))

    return Route(path, endpoint, methods=["POST"])


def _response(answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    # a browser reads no NaN, which a record may well hold
    finite = json.loads(json.dumps(answer), parse_constant=lambda _: None)
    return Response(json.dumps(finite), media_type="application/json")


def _named(request: Request, kind: str, known: Mapping[str, T]) -> T:
    """The one of what is ``known`` that the address names as its ``kind``."""
    if found := known.get(request.path_params[kind]):
        return found
    raise HTTPException(404)


def _file(request: Request, there: Mapping[str, Path]) -> Response:
    path = _named(request, "file", there)
    return FileResponse(path, filename=path.name)


def _png(content: bytes) -> Response:
    return Response(content, media_type="image/png")


def _run(request: Request) -> Path:
    return _named(request, "run", {run_id(folder): folder for folder in past_runs()})


def _to_take() -> dict[str, Path]:
    return {path.name: path for pattern in TO_TAKE for path in sorted(ROOT.glob(pattern)) if path.is_file()}
