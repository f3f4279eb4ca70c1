"""``python -m toolkit page``: opens the page, and ends what it started."""

import threading
import webbrowser
from contextlib import suppress
from pathlib import Path

from toolkit.errors import ToolkitError
from toolkit.page.app import Page
from toolkit.page.gate import guarded, listen, server


def serve(port: int, phone: bool, browser: bool, digits: Path | None) -> None:
    """Answer on 127.0.0.1 until Ctrl-C; a ``ToolkitError`` where the port is taken."""
    own = listen("127.0.0.1", port)
    port = own.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    page = Page(digits, phone)
    names = ["127.0.0.1", "localhost"] if port == 80 else []  # browsers leave the usual port out
    running = server(guarded(page.app(), (f"127.0.0.1:{port}", f"localhost:{port}", *names)))

    def get_ready() -> None:
        with suppress(ToolkitError):  # who draws is told
            page.readers.load()  # ready before somebody has drawn

    # who asks already waits: the socket listens
    print(f"Page: {address} (Ctrl-C ends it, and what it started; the same command goes on there)", flush=True)
    if browser:  # in a thread, since a browser in the terminal gives back nothing before it ends
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    loading = threading.Thread(target=get_ready)
    loading.start()
    try:
        running.run([own])
    finally:
        page.close()
        loading.join()
