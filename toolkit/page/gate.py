"""Who may talk to the page: this machine's own browser, on the page itself; a phone once, with a token."""

import secrets
import socket
import threading
from collections.abc import AsyncGenerator, Callable
from importlib.resources import files

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from toolkit.errors import ToolkitError
from toolkit.images.reading import LARGEST_FILE

HEADERS = {
    # nothing but the page's own files, no frames around it, no name of it to other places
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Gate:
    """Refuses requests by another name than the page's own (DNS rebinding), or from another page (forgery)."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        asked = Headers(scope=scope)
        origin = asked.get("origin", f"http://{self.hosts[0]}")
        site = asked.get("sec-fetch-site", "none")
        known = asked.get("host") in self.hosts and origin.removeprefix("http://") in self.hosts
        if not known or site not in ("same-origin", "none"):
            return await PlainTextResponse("This is not for you.", 403)(scope, receive, send)

        async def send_with_headers(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", []),  # type: ignore[misc]
                    *((name.lower().encode(), value.encode()) for name, value in HEADERS.items()),
                ]
            await send(message)

        return await self.app(scope, receive, send_with_headers)  # type: ignore[arg-type]


async def body_of(request: Request, most: int = LARGEST_FILE) -> bytes:
    """What was sent, no more than ``most`` bytes of it."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
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


def server(app: ASGIApp) -> uvicorn.Server:
    """uvicorn, quiet."""
    return uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, server_header=False, lifespan="off"))


def own_address() -> str:
    """This machine's address in the network it is in; no packet is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation (RFC 5737)
        except OSError as error:
            raise ToolkitError("This machine is in no network, so no phone can reach it. Upload a file.") from error
        return str(probe.getsockname()[0])


class PhoneDoor:
    """One upload from a phone: a page under a random address, which is gone after the first picture."""

    def __init__(self, keep: Callable[[bytes], None]) -> None:
        self.keep = keep
        address, self.token = own_address(), secrets.token_urlsafe(24)
        self.socket = listen(address, 0)
        host = f"{address}:{self.socket.getsockname()[1]}"
        self.address = f"http://{host}/{self.token}"
        self.received = False
        app = Starlette(routes=[Route("/{token}", self.answer, methods=["GET", "POST"])])
        self.server = server(Gate(app, (host,)))
        self.thread = threading.Thread(target=self.server.run, args=([self.socket],), daemon=True)
        self.thread.start()

    async def answer(self, request: Request) -> Response:
        """The upload page, or what came of an upload."""
        if self.received or not secrets.compare_digest(request.path_params["token"].encode(), self.token.encode()):
            return PlainTextResponse("There is nothing here.", 404)
        if request.method == "GET":
            return HTMLResponse(files("toolkit.page").joinpath("phone.html").read_text("utf-8"))
        self.received = True  # before anything is awaited: a second upload at the same time finds nothing
        try:
            self.keep(await _uploaded(request))
        except ToolkitError as error:
            self.received = False
            return PlainTextResponse(f"{error} Go back and try again.", 400)
        self.close()
        return PlainTextResponse("The photo has arrived. Go on at the computer.")

    def close(self) -> None:
        """Listen no longer."""
        self.server.should_exit = True


async def _uploaded(request: Request) -> bytes:
    """The one file in a form."""
    content = await body_of(request)

    async def once() -> AsyncGenerator[bytes, None]:
        yield content

    try:
        form = await MultiPartParser(request.headers, once(), max_files=1, max_fields=0).parse()
    except (MultiPartException, KeyError, UnicodeDecodeError) as error:
        raise ToolkitError(f"This is no form with a photo: {error}.") from error
    try:
        photo = form.get("photo")
        if not isinstance(photo, UploadFile):
            raise ToolkitError("There is no photo in this form.")
        return await photo.read()
    finally:
        await form.close()
