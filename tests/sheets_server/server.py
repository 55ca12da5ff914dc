"""The HTTP side: routes, identities, faults on demand, a hook before every request, and a log of what was asked."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.sheets_server.api import Call, answer
from tests.sheets_server.errors import NO_PERMISSION, NO_TOKEN, NOT_FOUND, ApiError
from tests.sheets_server.model import Spreadsheet
from tests.sheets_server.oauth import Accounts, TokenError

_BOOK = re.compile(r"/v4/spreadsheets/(?P<book>[^/:]+)(?::(?P<verb>\w+)|/(?P<rest>.+))?")
_REST = re.compile(r"(?P<name>values|developerMetadata)(?::(?P<verb>\w+)|/(?P<target>.+?)(?::(?P<last>append|clear))?)")
READ_VERBS = {"batchGet", "batchGetByDataFilter", "search", "getByDataFilter"}


class Asked(NamedTuple):
    """One request of the log: ``size`` is the body's length in bytes."""

    method: str
    path: str
    size: int
    status: int


class Exchange(NamedTuple):
    """One request and its answer, with their bodies; ``given`` is None when the answer was lost."""

    method: str
    path: str
    sent: bytes
    status: int
    given: object


@dataclass
class Fault:
    """What the next matching requests meet instead of (or, ``after``, besides) their answer."""

    code: int = 0
    times: int = 1
    path: str = "/v4/"
    retry_after: str | None = None
    message: str = "fault"
    reason: str | None = None
    delay_s: float = 0.0
    drop: bool = False
    after: bool = False


@dataclass
class State:
    """Everything that the server knows."""

    accounts: Accounts = field(default_factory=Accounts)
    books: dict[str, Spreadsheet] = field(default_factory=dict)
    log: list[Asked] = field(default_factory=list)
    exchanges: list[Exchange] | None = None  # a list is filled with every body, which for a large month is much
    faults: list[Fault] = field(default_factory=list)
    before: Callable[[str, str], None] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)


class DroppedError(Exception):
    """The connection ends without an answer."""


class SheetsServer:
    """A running server; use :func:`running`."""

    def __init__(self) -> None:
        """Bind a free port of the loopback address."""
        self.state = State()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"state": self.state}))
        self._http.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def spreadsheet(self, spreadsheet_id: str = "sheet-1", owner: str = "owner@example.com") -> Spreadsheet:
        """Make a spreadsheet that nobody shares yet."""
        book = Spreadsheet(spreadsheet_id, owner)
        self.state.books[spreadsheet_id] = book
        return book

    def key_file(self, email: str = "voc@voc-test.iam.gserviceaccount.com") -> dict[str, str]:
        """Return a service account's key file whose token endpoint is this server."""
        return self.state.accounts.key_file(email, f"{self.endpoint}/token")

    def fail(self, fault: Fault) -> None:
        """Make coming requests fail."""
        self.state.faults.append(fault)

    @property
    def asked(self) -> list[Asked]:
        """The requests to the Sheets API so far."""
        return [entry for entry in self.state.log if entry.path != "/token"]


@contextmanager
def running() -> Iterator[SheetsServer]:
    """Run a server for the length of a with-block."""
    server = SheetsServer()
    try:
        yield server
    finally:
        server.close()


class Route(NamedTuple):
    """What a path names."""

    book: str
    name: str | None
    target: str | None
    verb: str | None


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP; :func:`_answer` decides."""

    protocol_version = "HTTP/1.1"
    state: State

    def do_GET(self) -> None:
        """Answer a GET."""
        self._serve()

    do_POST = do_PUT = do_GET  # noqa: N815 - the base class looks them up by these names

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.state.before is not None and self.path != "/token":
            self.state.before(self.command, self.path)  # outside the lock: it may itself ask this server
        with self.state.lock:
            retry_after = None
            try:
                code, shown = 200, _answer(self.state, self.command, self.path, body, self.headers)
            except ApiError as error:
                code, shown, retry_after = error.code, error.body(), error.retry_after
            except TokenError as error:
                code, shown = 400, {"error": error.code, "error_description": error.description}
            except DroppedError:
                code, shown = 0, {}
            self.state.log.append(Asked(self.command, self.path, len(body), code))
            if self.state.exchanges is not None and self.path != "/token":
                self.state.exchanges.append(Exchange(self.command, self.path, body, code, shown if code else None))
        if code:
            self._send(code, json.dumps(shown, ensure_ascii=False).encode(), retry_after)
        else:
            self.close_connection = True

    def _send(self, code: int, data: bytes, retry_after: str | None) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the log is in the state."""


def _answer(state: State, method: str, path: str, body: bytes, headers: Message) -> dict[str, Any]:
    url = urllib.parse.urlsplit(path)
    if url.path == "/token":
        _meet_fault(state, url.path, after=False)
        return state.accounts.grant(body.decode())
    _meet_fault(state, path, after=False)
    email = state.accounts.tokens.get(headers.get("Authorization", "").removeprefix("Bearer "))
    if email is None:
        raise ApiError(401, NO_TOKEN)
    route = _route(url.path)
    if route is None or route.book not in state.books:
        raise ApiError(404, NOT_FOUND)
    book = state.books[route.book]
    reads = method == "GET" or route.verb in READ_VERBS
    if email != book.owner and email not in book.writers and not (reads and email in book.readers):
        raise ApiError(403, NO_PERMISSION)
    call = Call(
        method, book, route.name, route.target, route.verb, urllib.parse.parse_qs(url.query), _json(body), email
    )
    shown = answer(call)
    _meet_fault(state, path, after=True)
    return shown


def _route(path: str) -> Route | None:
    """Read ``/v4/spreadsheets/ID:verb``, ``…/values/RANGE:append`` and the like; the range is percent-encoded."""
    found = _BOOK.fullmatch(path)
    rest = _REST.fullmatch(found["rest"]) if found and found["rest"] else None
    if not found or (found["rest"] and not rest):
        return None
    if rest is None:
        return Route(found["book"], None, None, found["verb"])
    return Route(
        found["book"], rest["name"], urllib.parse.unquote(rest["target"] or "") or None, rest["verb"] or rest["last"]
    )


def _json(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        read: dict[str, Any] = _set(json.loads(body))
    except ValueError as error:
        raise ApiError(400, "Invalid JSON payload received.") from error
    return read


def _set(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a body without what is null, which means unset everywhere but in a list: there it skips a cell."""
    if isinstance(value, dict):
        return {name: _set(item) for name, item in value.items() if item is not None}
    return [_set(item) for item in value] if isinstance(value, list) else value


def _meet_fault(state: State, path: str, *, after: bool) -> None:
    for fault in list(state.faults):
        if fault.path in path and fault.after == after:
            fault.times -= 1
            if fault.times <= 0:
                state.faults.remove(fault)
            if fault.delay_s:
                time.sleep(fault.delay_s)
            if fault.drop:
                raise DroppedError
            if fault.code:
                raise ApiError(fault.code, fault.message, retry_after=fault.retry_after, reason=fault.reason)
            return
