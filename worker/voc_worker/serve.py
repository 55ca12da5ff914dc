"""A local browser over the store: months, buildings, dashboards. For the person at this machine, and nobody else."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from voc_models import keys
from voc_models.exit_codes import UsageError, VocError
from voc_models.months import Month
from voc_models.plan import Latest, Plan, read_record
from voc_models.run import run_order
from voc_models.store import ObjectNotFoundError, StoreUnavailableError
from voc_worker.pages.shelf import ShelvedBuilding, fleets_in, month_page, months_in, months_page, problem_page
from voc_worker.pages.texts import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voc_models.store import ObjectStore

log = logging.getLogger(__name__)
_HTML: Final = "text/html; charset=utf-8"
#: What people may open: reports, their CSV files and the review workbook; no plans, no models, no snapshots.
_OPENED: Final = {
    ".html": _HTML,
    ".csv": "text/csv; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_OBJECT: Final = re.compile(
    r"\d{6}/(?:[^/]+/(?:dashboard|tagged|reviewed)[^/]*|(?:fleet|review)_[^/]+)(?P<kind>\.html|\.csv|\.xlsx)"
)
_MONTH: Final = re.compile(r"(\d{6})/?")
_LOCAL: Final = frozenset({"127.0.0.1", "localhost"})


class AddressInUseError(UsageError):
    """Something else listens on that port."""


class Answer(NamedTuple):
    """What is sent back."""

    status: HTTPStatus
    content_type: str
    body: bytes


def answer(store: ObjectStore, path: str) -> Answer:
    """Return the answer to a GET of ``path``: a list, or one object of the store; never a file outside the store."""
    asked = unquote(urlsplit(path).path).lstrip("/")
    try:
        if not asked:
            return _page(months_page(months_in(_keys(store, "")), store.address))
        if (found := _MONTH.fullmatch(asked)) is not None:
            return _page(_month(store, Month.parse(found[1])))
        if (wanted := _OBJECT.fullmatch(asked)) is not None:
            return Answer(HTTPStatus.OK, _OPENED[wanted["kind"]], store.get(asked).data)
    except (ObjectNotFoundError, UsageError):
        log.info("There is nothing at %r.", asked)
    except StoreUnavailableError as error:
        return Answer(HTTPStatus.BAD_GATEWAY, _HTML, problem_page(str(error)).encode())
    except VocError as error:
        return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, _HTML, problem_page(str(error)).encode())
    sentence = catalogue()("shelf.not_found", path=asked)
    return Answer(HTTPStatus.NOT_FOUND, _HTML, problem_page(sentence).encode())


def _page(html: str) -> Answer:
    return Answer(HTTPStatus.OK, _HTML, html.encode())


def _keys(store: ObjectStore, prefix: str) -> list[str]:
    return [item.key for item in store.list(prefix)]


def _month(store: ObjectStore, month: Month) -> str:
    listed = _keys(store, f"{month.compact}/")
    names = _names(store, [key for key in listed if key.endswith("/plan.json")])
    buildings = [_building(store, month, each, names) for each in months_in(listed).get(month, [])]
    return month_page(month, buildings, _newest(fleets_in(listed)), store.address)


def _names(store: ObjectStore, plans: Iterable[str]) -> dict[str, str]:
    """Return building names as the newest plan has them."""
    newest = _newest(plans)
    if newest is None:
        return {}
    plan = read_record(Plan, store.get(newest).data, newest)
    return {building.id: building.name for building in plan.buildings}


def _newest(listed: Iterable[str]) -> str | None:
    """Return the key whose run was created last; a key that names no run is not ours and is passed over."""
    found = []
    for key in listed:
        # The run id is the folder of a plan and the end of a fleet report's name.
        run_id = key.split("/")[2] if key.endswith("plan.json") else key.split("_", 2)[2].removesuffix(".html")
        with suppress(VocError):
            found.append((run_order(run_id), key))
    return max(found)[1] if found else None


def _building(store: ObjectStore, month: Month, building_id: str, names: dict[str, str]) -> ShelvedBuilding:
    name = names.get(building_id, building_id)
    key = keys.latest(month, building_id)
    try:
        latest = read_record(Latest, store.get(key).data, key)
    except ObjectNotFoundError:
        return ShelvedBuilding(building_id, name, 0, 0, "")
    return ShelvedBuilding(building_id, name, latest.rows, latest.reviewed_rows, latest.model.release)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD of this machine's own browser."""

    server_version = "voc-serve"
    sys_version = ""

    def __init__(self, store: ObjectStore, *arguments: object, **options: object) -> None:
        self._store = store
        super().__init__(*arguments, **options)  # type: ignore[arg-type] # the base class's own three arguments, passed on

    def do_GET(self) -> None:
        self._reply(body=True)

    def do_HEAD(self) -> None:
        self._reply(body=False)

    def _reply(self, *, body: bool) -> None:
        # A page of another site that resolves to this machine (DNS rebinding) names another host.
        if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in _LOCAL:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        given = answer(self._store, self.path)
        self.send_response(given.status)
        for name, value in (
            ("Content-Type", given.content_type),
            ("Content-Length", str(len(given.body))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(given.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own name
        log.info("%s", format % args)


def local_server(store: ObjectStore, host: str = "127.0.0.1", port: int = 8900) -> ThreadingHTTPServer:
    """Return a server that listens already and answers once ``serve_forever`` runs; port 0 takes any free one.

    Raises:
        UsageError: ``host`` is not this machine's own address.
        AddressInUseError: the port is taken.
    """
    if host not in _LOCAL:
        raise UsageError(f"voc serve listens on 127.0.0.1 only, not on {host}: reports hold tenants' words.")
    try:
        return ThreadingHTTPServer((host, port), partial(_Handler, store))
    except OSError as error:
        raise AddressInUseError(
            f"Port {port} cannot be used ({error.strerror}). Choose another with --port."
        ) from error
