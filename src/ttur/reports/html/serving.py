"""A page on this machine that follows what it shows. Nothing else is served, and to nobody else."""

import time
from collections.abc import Callable, Hashable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qs, urlsplit

from ttur.reports.html.blocks import Page
from ttur.reports.html.document import data_text, document
from ttur.runtime import digests

ADDRESS = "127.0.0.1"
DATA = "data.json"
SHARE = 0.1  # of the time, for making pages: runs need the machine
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Following:
    """A page that is made anew when its `signature` has changed, but not all the time.

    What cannot be read at the moment leaves the page as it was.
    """

    def __init__(self, make: Callable[[], Page], signature: Callable[[], Hashable]):
        self.make, self.signature = make, signature
        self._lock, self._seen, self._not_before = Lock(), object(), 0.0
        self._page = make()
        self._tag = _tag_of(self._page)

    def page(self) -> tuple[Page, str]:
        """The page, and what changes with it."""
        with self._lock:
            if time.monotonic() >= self._not_before and (now := self.signature()) != self._seen:
                start = time.monotonic()
                try:
                    self._page = self.make()
                    self._tag, self._seen = _tag_of(self._page), now
                except (OSError, ValueError):
                    pass
                self._not_before = time.monotonic() + (time.monotonic() - start) / SHARE
            return self._page, self._tag


def page_server(following: Following, port: int = 0) -> ThreadingHTTPServer:
    """A server of the page on this machine; a free port unless one is given. `serve_forever` runs.

    Raises:
        OSError: if the port is taken.
    """
    handler = type("Handler", (_Handler,), {"following": following})
    try:
        server = _Server((ADDRESS, port), handler)
    except OSError as error:
        raise OSError(f"port {port}: {error.strerror}; choose another `port`, or none") from error
    names = (f"{name}:{server.server_port}" for name in (ADDRESS, "localhost"))
    handler.names = frozenset(names)
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = False  # on Windows two servers would share a port


class _Handler(BaseHTTPRequestHandler):
    following: Following
    names: frozenset[str] = frozenset()
    timeout = 30

    def do_GET(self) -> None:
        """The page, or its data if there are new ones."""
        if self.headers.get("Host") not in self.names:
            # A name of somebody else that leads here would read with the rights of its page.
            self._answer(HTTPStatus.FORBIDDEN, "text/plain", "this page is for this machine\n")
            return
        asked = urlsplit(self.path)
        if asked.path not in ("/", f"/{DATA}"):
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", "there is one page here, /\n")
            return
        page, tag = self.following.page()
        if asked.path == "/":
            self._answer(HTTPStatus.OK, "text/html", document(page, source=DATA))
        elif parse_qs(asked.query).get("after") == [tag]:
            self._answer(HTTPStatus.NO_CONTENT, "application/json", "")
        else:
            fresh = data_text({"tag": tag, "page": page.to_json()})
            self._answer(HTTPStatus.OK, "application/json", fresh)

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Not on the terminal."""


def _tag_of(page: Page) -> str:
    return digests.of_text(data_text(page.to_json()))[:16]
