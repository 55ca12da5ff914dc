"""What must be true after a run, whatever happened to the cluster meanwhile: each fault is one sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import psycopg

from tests.cluster.pods import until
from tests.cluster.shell import ClusterError
from voc_models import keys
from voc_models.months import Month
from voc_models.plan import Latest, Summary, read_record
from voc_models.store import ObjectNotFoundError, sha256
from voc_worker.review.workbook import WorkbookBook
from voc_worker.tables import read_csv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.cluster.chaos import Plot
    from tests.cluster.product import Product

MONTH: Final = Month(2025, 12)
#: Stands in a tagged file for the run's id.
_RUN: Final = b"{run}"


def tagged(product: Product, building: str) -> bytes:
    """Return the tagged rows in force of a building, without the id of the run that made them."""
    latest = read_record(Latest, product.get(keys.latest(MONTH, building)), building)
    return product.get(latest.tagged.key).replace(latest.run_id.encode(), _RUN)


def faults(product: Product, name: str, plot: Plot, expected: Mapping[str, bytes]) -> list[str]:
    """Return what is wrong after a run that ended.

    Args:
        product: where it ran.
        name: the run.
        plot: what was done to it.
        expected: each building's tagged rows, as an undisturbed run made them.
    """
    run = product.run(name)
    status = run["status"]
    found = [*_status(status, plot), *_left(product, run["metadata"]["uid"])]
    rows = 0
    for building in plot.buildings:
        try:
            found += _building(product, building, status, plot, expected[building])
            rows += read_record(Latest, product.get(keys.latest(MONTH, building)), building).rows
        except ObjectNotFoundError as error:
            found.append(f"building {building}: {error}")
    found += _summary(product, status, plot, rows)
    found += _written_once(product, status["runId"], plot, rows)
    return found


def _status(status: dict[str, Any], plot: Plot) -> Iterator[str]:
    count = len(plot.buildings)
    told = {key: status.get(key, 0) for key in ("phase", "progress", "total", "succeeded", "failed", "active")}
    true = {"phase": "Succeeded", "progress": f"{count}/{count}", "total": count, "succeeded": count}
    if told != true | {"failed": 0, "active": 0}:
        yield f"the status says {told}"
    if not status.get("completionTime"):
        yield "there is no completionTime"
    if sorted(status["buildings"]) != sorted(plot.buildings):
        yield f"the status names the buildings {sorted(status['buildings'])}"
    for unit, line in {**status["buildings"], **status["steps"]}.items():
        if line["phase"] != "Succeeded":
            yield f"{unit} is {line['phase']}"
        counted = (line["attempts"], line["jobs"], line.get("disruptions", 0))
        if plot.gentle and counted != (1, 1, 0):
            yield f"nobody touched {unit}, and its attempts, Jobs and disruptions are {counted}"


def _left(product: Product, uid: str) -> Iterator[str]:
    """What still runs or may start; pods that are ending have a minute."""
    selector = f"vocnlp.io/run-uid={uid}"

    def living() -> list[str]:
        pods = product.core.list_namespaced_pod(product.namespace, label_selector=selector).items
        jobs = product.batch.list_namespaced_job(product.namespace, label_selector=selector).items
        over = {"Complete", "Failed"}
        return [pod.metadata.name for pod in pods if pod.status.phase not in {"Succeeded", "Failed"}] + [
            job.metadata.name
            for job in jobs
            if not any(one.type in over and one.status == "True" for one in job.status.conditions or [])
        ]

    try:
        until("nothing of the run is left", lambda: not living(), seconds=60)
    except ClusterError:
        yield f"these are left: {', '.join(living())}"


def _building(product: Product, building: str, status: dict[str, Any], plot: Plot, expected: bytes) -> Iterator[str]:
    run_id = status["runId"]
    latest = read_record(Latest, product.get(keys.latest(MONTH, building)), building)
    if latest.run_id != run_id:
        yield f"building {building} shows run {latest.run_id}"
        return
    for kind, stored in (("tagged", latest.tagged), ("dashboard", latest.dashboard)):
        made = [key for key in product.keys(f"{MONTH.compact}/{building}/{kind}_") if run_id in key]
        drawn = kind == "tagged" or plot.mode == "full"
        if len(made) != int(drawn):
            yield f"building {building} has {len(made)} {kind} files of this run"
        if stored is not None and sha256(product.get(stored.key)) != stored.sha256:
            yield f"{stored.key} is not what latest.json says"
    if latest.dashboard is None:
        yield f"building {building} has no dashboard"
    elif product.get(keys.dashboard_link(MONTH, building)) != product.get(latest.dashboard.key):
        yield f"the link of building {building} does not show what latest.json names"
    if tagged(product, building) != expected:
        yield f"building {building} has other rows than after an undisturbed run"
    line = status["buildings"].get(building, {})
    unknown = "rows" not in line and plot.deaf
    if line.get("rows") != latest.rows and not unknown:
        yield f"the status tells {line} of building {building}, {latest.rows} rows are there"


def _summary(product: Product, status: dict[str, Any], plot: Plot, rows: int) -> Iterator[str]:
    key = keys.summary(MONTH, status["runId"])
    summary = read_record(Summary, product.get(key), key)
    told = (summary.run_id, summary.total, summary.succeeded, summary.failed, summary.rows)
    true: tuple[object, ...] = (status["runId"], len(plot.buildings), status["succeeded"], {}, rows)
    if told != true:
        yield f"the summary says {told}, the truth is {true}"
    if summary.mode.value != plot.mode:
        yield f"the summary is of mode {summary.mode.value}"


def _written_once(product: Product, run_id: str, plot: Plot, rows: int) -> Iterator[str]:
    """The database and the review workbook have each row of the run once."""
    ids: list[str] = []
    for building in plot.buildings:
        latest = read_record(Latest, product.get(keys.latest(MONTH, building)), building)
        ids += read_csv(product.get(latest.tagged.key), latest.tagged.key)["voc_id"].tolist()
    if len(ids) != rows or len(set(ids)) != rows:
        yield f"{rows} rows are told of, {len(ids)} are there, {len(set(ids))} of them different"
    with psycopg.connect(product.servers.database.conninfo(dbname=product.database)) as connection:
        written = connection.execute(
            "SELECT voc_id, run_id FROM voc_classification WHERE voc_id = ANY(%s)", [ids]
        ).fetchall()
    if sorted(written) != sorted((one, run_id) for one in ids):
        runs = json.dumps(sorted({run for _, run in written}))
        yield f"the database has {len(written)} rows of {len(ids)}, of the runs {runs}"
    seen = WorkbookBook(product.store).read(MONTH)["voc_id"]
    if seen.duplicated().any() or not set(ids) <= set(seen):
        yield f"the review workbook lacks {len(set(ids) - set(seen))} rows and repeats {int(seen.duplicated().sum())}"
