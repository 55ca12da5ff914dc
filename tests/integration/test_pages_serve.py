"""``voc serve`` over a real directory store, asked over real HTTP."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest

from voc_models import keys
from voc_models.exit_codes import UsageError
from voc_models.labels import OTHER, Taxonomy, TaxonomyEntry
from voc_models.months import Month
from voc_models.plan import Latest, Plan, PlannedBuilding, PlannedModel, StoredObject
from voc_models.store import sha256
from voc_models.store_file import FileStore
from voc_worker.serve import AddressInUseError, local_server

MONTH = Month(2025, 12)
OLD, NEW = "full_20260101_020000_aaaaa", "refresh_20260115_020000_bbbbb"
HTML, CSV = b"<!doctype html><title>95</title>", b"\xef\xbb\xbfvoc_id\r\n"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """A month of two buildings, one of them with a hostile name, and things that are nobody's business."""
    made = FileStore((tmp_path / "store").as_uri())
    for building_id in ("95", "101"):
        csv = keys.building_object(MONTH, building_id, "tagged", NEW)
        made.put(csv, CSV)
        made.put(keys.dashboard_link(MONTH, building_id), HTML)
        latest = Latest(
            run_id=NEW,
            mode="refresh",
            month=MONTH,
            building_id=building_id,
            model=PlannedModel(release="keyword"),
            rows=312,
            reviewed_rows=99,
            tagged=StoredObject(key=csv, sha256=sha256(CSV)),
        )
        made.put(keys.latest(MONTH, building_id), latest.to_json())
    for run_id, name in ((OLD, "옛 이름"), (NEW, "<b>한빛타워</b>")):
        made.put(keys.plan(MONTH, run_id), _plan(run_id, name).to_json())
        made.put(keys.fleet(MONTH, run_id), HTML)
    made.put("202599/7/dashboard.html", HTML)
    made.put("models/champion.json", b"{}")
    (tmp_path / "secret.html").write_bytes(b"secret")
    return made


def _plan(run_id: str, name: str) -> Plan:
    entries = (TaxonomyEntry(kind="subject", major=OTHER.major, minor=OTHER.minor),)
    return Plan(
        run_id=run_id,
        mode="full",
        month=MONTH,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        model=PlannedModel(release="keyword"),
        taxonomy=Taxonomy(entries=entries),
        buildings=(PlannedBuilding(id="95", name=name),),
    )


@pytest.fixture
def port(store: FileStore) -> Iterator[int]:
    """The port of a running server."""
    with local_server(store, port=0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def ask(port: int, path: str, method: str = "GET", host: str = "127.0.0.1") -> tuple[int, str, str]:
    """Return status, content type and text of an answer; the path is sent as it is written."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", f"{host}:{port}")
    connection.endheaders()
    response = connection.getresponse()
    text = response.read().decode("utf-8", errors="replace")
    connection.close()
    return response.status, response.headers["Content-Type"], text


def test_first_page_lists_real_months_only(port: int) -> None:
    """The root names December 2025 with its two buildings, and no month 99."""
    status, kind, text = ask(port, "/")
    assert (status, kind) == (HTTPStatus.OK, "text/html; charset=utf-8")
    assert "2025년 12월" in text
    assert "건물 2곳" in text
    assert "99월" not in text


def test_month_lists_buildings_by_their_newest_name(port: int) -> None:
    """A month shows its buildings, escaped, as the newest plan names them, and the newest fleet report."""
    text = ask(port, "/202512/")[2]
    assert "&lt;b&gt;한빛타워&lt;/b&gt;" in text
    assert "옛 이름" not in text
    assert text.index("/202512/95/dashboard.html") < text.index("/202512/101/dashboard.html")
    assert "312건 · 검수 99건" in text
    assert keys.fleet(MONTH, NEW) in text
    assert keys.fleet(MONTH, OLD) not in text


def test_dashboard_and_its_csv_are_the_stored_bytes(port: int) -> None:
    """A dashboard and the CSV that it links to relatively are served as they lie in the store."""
    assert ask(port, "/202512/95/dashboard.html") == (200, "text/html; charset=utf-8", HTML.decode())
    csv = keys.building_object(MONTH, "95", "tagged", NEW)
    assert ask(port, f"/{csv}") == (200, "text/csv; charset=utf-8", CSV.decode())


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.html",
        "/202512/../../secret.html",
        "/202512/%2e%2e/dashboard.html",
        "/202512/95/..%2f..%2f..%2fsecret.html",
        "/202512/95/latest.json",
        "/202512/runs/full_20260101_020000_aaaaa/plan.json",
        "/models/champion.json",
        "/202513/",
        "/202512/95/dashboard.html%00",
        "/202512/404/dashboard.html",
    ],
)
def test_nothing_but_reports_can_be_opened(port: int, path: str) -> None:
    """Other files, other objects and paths that climb are not found, and the answer is a page that says so."""
    status, kind, text = ask(port, path)
    assert (status, kind) == (HTTPStatus.NOT_FOUND, "text/html; charset=utf-8")
    assert "secret" not in text.replace("secret.html", "")


def test_another_host_is_refused(port: int) -> None:
    """A request that names another host, as after DNS rebinding, gets no report."""
    status, _, text = ask(port, "/202512/95/dashboard.html", host="evil.example")
    assert status == HTTPStatus.MISDIRECTED_REQUEST
    assert "95" not in text


def test_head_has_no_body_and_other_methods_are_refused(port: int) -> None:
    """HEAD answers like GET without bytes; POST is not supported."""
    assert ask(port, "/", "HEAD") == (200, "text/html; charset=utf-8", "")
    assert ask(port, "/", "POST")[0] == HTTPStatus.NOT_IMPLEMENTED


def test_damaged_record_is_said(port: int, store: FileStore) -> None:
    """A month whose latest.json cannot be read is an error page that names the object."""
    store.put(keys.latest(MONTH, "95"), b"{")
    status, _, text = ask(port, "/202512/")
    assert status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "202512/95/latest.json" in text


def test_empty_store_says_what_to_do(tmp_path: Path) -> None:
    """A store without any month is a page that names the command to run."""
    with local_server(FileStore((tmp_path / "empty").as_uri()), port=0) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        text = ask(server.server_address[1], "/")[2]
        thread.join()
    assert "voc run" in text


def test_only_this_machine_is_served(store: FileStore, port: int) -> None:
    """Another address and a taken port are refused with a sentence."""
    with pytest.raises(UsageError, match=r"127\.0\.0\.1 only"):
        local_server(store, host="0.0.0.0", port=0)  # noqa: S104 - the refusal is what is tested
    with pytest.raises(AddressInUseError, match=f"Port {port} cannot be used"):
        local_server(store, port=port)
