"""An API server that answers what a test tells it to, in that order, or always the same where order says nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from kubernetes import client

from voc_operator.cluster import Cluster
from voc_operator.transport import Transport


class Asked(NamedTuple):
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Server:
    """Answers in the order in which answers were given to it."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any, dict[str, str]]] = []
        #: By a part of the path, for when no answer is left.
        self.always: dict[str, Any] = {}
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else None
                outer.asked.append(Asked(self.command, self.path, dict(self.headers), body))
                status, answer, headers = outer.answers.pop(0) if outer.answers else (200, outer.usual(self.path), {})
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = handle_one  # noqa: N815 - the standard library's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.pauses: list[float] = []
        self.verbs: list[str] = []
        configuration = client.Configuration()
        configuration.host = f"http://127.0.0.1:{self.server.server_address[1]}"
        configuration.api_key["BearerToken"] = "Bearer secret"
        self.transport = Transport(configuration, on_request=self.verbs.append, sleep=self.pauses.append)
        self.cluster = Cluster(self.transport, "voc")

    def answer(self, status: int, body: object = None, **headers: str) -> None:
        """Give one more answer."""
        self.answers.append((status, body if body is not None else {}, headers))

    def usual(self, path: str) -> Any:  # noqa: ANN401 - bytes or what becomes JSON
        """Return the answer that is always given to such a path."""
        return next(answer for part, answer in self.always.items() if part in path)

    def close(self) -> None:
        """End the server."""
        self.transport._pool.clear()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@contextmanager
def answering() -> Iterator[Server]:
    """Run a server on a free port while the block runs."""
    one = Server()
    try:
        yield one
    finally:
        one.close()


def status(reason: str, message: str) -> dict[str, str]:
    """Return a Status object."""
    return {"kind": "Status", "reason": reason, "message": message}
