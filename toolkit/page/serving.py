"""``python -m toolkit page``: opens the page, and ends what it started."""

import threading
import time
import webbrowser
from pathlib import Path

from toolkit.page.app import Page
from toolkit.page.gate import Gate, listen, server


def serve(port: int, phone: bool, browser: bool, digits: Path | None) -> None:
    """Answer on 127.0.0.1 until Ctrl-C; a ``ToolkitError`` where the port is taken."""
    own = listen("127.0.0.1", port)
    port = own.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    page = Page(digits, phone)
    running = server(Gate(page.app(), (f"127.0.0.1:{port}", f"localhost:{port}")))

    def open_when_ready() -> None:
        while not running.started:
            time.sleep(0.05)
        print(f"Page: {address} (Ctrl-C ends it, and what it started; the same command goes on there)", flush=True)
        if browser:
            webbrowser.open(address)

    threading.Thread(target=open_when_ready, daemon=True).start()
    loading = threading.Thread(target=page.readers.load)  # ready before somebody has drawn
    loading.start()
    try:
        running.run([own])
    finally:
        page.close()
        loading.join()
