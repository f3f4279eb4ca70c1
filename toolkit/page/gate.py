"""Who may talk to the page: this machine's own browser, on the page itself; a phone once, with a token."""

import asyncio
import secrets
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn import Config, Server

from toolkit.errors import ToolkitError
from toolkit.images.reading import LARGEST_FILE

HEADERS = {
    # nothing but the page's own files, no frames around it, no name of it to other places
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
OPEN_FOR = 600.0  # seconds that a phone has


def guarded(app: ASGIApp, hosts: tuple[str, ...]) -> ASGIApp:
    """``app``, refusing requests by another name than its own (DNS rebinding), or from another page (forgery)."""

    async def guard(request: Request, answer: RequestResponseEndpoint) -> Response:
        asked = request.headers
        origin = asked.get("origin", f"http://{hosts[0]}")
        site = asked.get("sec-fetch-site", "none")
        known = asked.get("host") in hosts and origin.removeprefix("http://") in hosts
        if not known or site not in ("same-origin", "none"):
            return PlainTextResponse("This is not for you.", 403)
        response = await answer(request)
        response.headers.update(HEADERS)
        return response

    return BaseHTTPMiddleware(app, guard)


def application(routes: list[Route]) -> Starlette:
    """What answers on ``routes``: what somebody can mend is one line, and an upload that breaks off is no error."""

    def refuse(request: Request, error: Exception) -> Response:
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "all of it"
            error = ToolkitError(f"This is no JSON that the page sends: {where}: {first['msg']}. Reload the page.")
        return JSONResponse({"error": str(ToolkitError(str(error)))}, 400)

    refused = (ToolkitError, OSError, ValidationError, ClientDisconnect)
    return Starlette(routes=routes, exception_handlers=dict.fromkeys(refused, refuse))


def own_file(name: str) -> Response:
    """One of the files that make the page."""
    return Response(Path(__file__).with_name(name).read_text("utf-8"), media_type=KINDS[Path(name).suffix])


async def body_of(request: Request, most: int = LARGEST_FILE) -> bytes:
    """What was sent, no more than ``most`` bytes of it."""
    content, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most:  # the rest is read all the same: no browser shows an answer in the middle of its upload
            content += chunk
    if size > most:
        raise ToolkitError(f"What was sent is larger than {most / 1e6:g} MB. Scale it down.")
    return bytes(content)


def listen(address: str, port: int) -> socket.socket:
    """A socket that listens; a ``ToolkitError`` where the port is taken."""
    try:
        if not 0 <= port < 2**16:
            raise OSError("it must lie between 0 and 65535")
        return socket.create_server((address, port))
    except OSError as error:
        raise ToolkitError(f"Port {port} cannot be used: {error}. Choose another one with --port.") from error


def server(app: ASGIApp) -> Server:
    """uvicorn, quiet; what is still under way when it ends has two seconds."""
    return Server(Config(app, log_level="error", server_header=False, lifespan="off", timeout_graceful_shutdown=2))


def own_address() -> str:
    """This machine's address in the network it is in; no packet is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation (RFC 5737)
        except OSError as error:
            raise ToolkitError("This machine is in no network, so no phone can reach it. Upload a file.") from error
        return str(probe.getsockname()[0])


class PhoneDoor:
    """One upload from a phone: a page under a random address, gone after the first picture or ``OPEN_FOR`` seconds."""

    def __init__(self, keep: Callable[[bytes], object]) -> None:
        self.keep = keep
        address, self.token = own_address(), secrets.token_urlsafe(24)
        self.socket = listen(address, 0)
        host = f"{address}:{self.socket.getsockname()[1]}"
        self.address = f"http://{host}/{self.token}/"
        app = application([Route("/{token}/{file:path}", self.answer, methods=["GET", "POST"])])
        self.server = server(guarded(app, (host,)))
        self.receiving = asyncio.Lock()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def open(self) -> bool:
        """Whether a photo may still come."""
        return not self.server.should_exit

    async def answer(self, request: Request) -> Response:
        """The upload page, or what came of an upload."""
        name = request.path_params["file"] or "phone.html"
        known = secrets.compare_digest(request.path_params["token"].encode(), self.token.encode())
        if not (known and self.open and name in ("phone.html", "phone.js", "page.css")):
            raise HTTPException(404)
        if request.method == "GET":
            return own_file(name)
        if self.receiving.locked():  # a free one is taken at once: one of two that come at the same time is refused
            raise ToolkitError("A photo is on its way already.")
        async with self.receiving:  # whatever goes wrong, somebody may try again
            await run_in_threadpool(self.keep, await body_of(request))
        self.close()
        return JSONResponse({"said": "The photo has arrived. Go on at the computer."})

    def close(self) -> None:
        """Listen no longer."""
        self.server.should_exit = True

    def _run(self) -> None:
        late = threading.Timer(OPEN_FOR, self.close)
        late.daemon = True
        late.start()
        with self.socket:
            self.server.run([self.socket])
        late.cancel()
