"""A month on a real cluster: real containers, real PostgreSQL, real S3, the operator in a pod with the chart's RBAC."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.cluster.installs import installed
from voc_models.months import Month
from voc_models.registry import Registry
from voc_worker.demo.reviewer import diligent, edit_workbook
from voc_worker.sample.generate import generate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.images import Images
    from tests.cluster.product import Product
    from tests.cluster.reach import Reach
    from tests.cluster.servers import Servers

pytestmark = pytest.mark.usefixtures("crd")
MONTHS = (Month(2025, 11), Month(2025, 12))


@pytest.fixture(scope="module")
def product(cluster: Reach, images: Images, servers: Servers) -> Iterator[Product]:
    """The product, able to train."""
    with installed(cluster, images, servers, {"settings": {"TRAIN_EPOCHS": "2"}}, training=True) as one:
        yield one


def latest(product: Product, month: Month, building: str) -> dict[str, Any]:
    """Return the pointer to a building's month in force."""
    found: dict[str, Any] = json.loads(product.get(f"{month.compact}/{building}/latest.json"))
    return found


def full(product: Product, month: Month) -> dict[str, Any]:
    """Run a month in mode full to its end."""
    return product.finish(product.apply(f"full-{month}", mode="full", month=str(month), parallelism=2))


def review(product: Product, month: Month) -> None:
    """Review the month's workbook in the store, every row, as a diligent person would."""
    key = f"{month.compact}/review_{month.compact}.xlsx"
    read = product.store.get(key)
    product.store.put(key, edit_workbook(read.data, month, diligent(generate().truth)), if_match=read.etag)


def test_full_tags_every_building_and_fills_the_review_sheet(product: Product) -> None:
    """`kubectl apply` of mode full ends with CSVs, dashboards, a workbook, the database and a status that tells it."""
    status = full(product, MONTHS[1])
    assert status["phase"] == "Succeeded", product.describe("full-2025-12")
    assert (status["progress"], status["failed"]) == ("5/5", 0)
    assert status["month"] == "2025-12"
    assert {line["attempts"] for line in status["buildings"].values()} == {1}
    for building, line in status["buildings"].items():
        found = latest(product, MONTHS[1], building)
        assert (found["run_id"], found["rows"]) == (status["runId"], line["rows"])
        page = product.get(f"202512/{building}/dashboard.html")
        assert page == product.get(found["dashboard"]["key"])
    assert product.get("202512/review_202512.xlsx")
    with psycopg.connect(product.servers.database.conninfo(dbname=product.database)) as connection:
        written = connection.execute("SELECT count(*) FROM voc_classification").fetchone()
    assert written == (sum(line["rows"] for line in status["buildings"].values()),)
    assert {"Preparing", "Planned", "Succeeded"} <= set(product.events("full-2025-12"))
    shown = product.kubectl("get", "vmr", "full-2025-12")
    assert shown.split()[:6] == ["NAME", "MODE", "MONTH", "PHASE", "DONE", "FAILED"]
    assert "5/5" in shown


def test_a_laptop_makes_the_same_bytes(product: Product, tmp_path: Path) -> None:
    """`voc run` on the same database tags the same rows; the files differ in the run's id alone."""
    address, database = product.servers.database, product.database
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOC_")}
    environment |= {
        "BASE_DIR": str(tmp_path),
        "STORE": (tmp_path / "store").as_uri(),
        "DB_HOST": address.host,
        "DB_PORT": str(address.port),
        "DB_NAME": database,
        "DB_USER": address.user,
        "DB_PASSWORD": address.password,
        "VOC_ENV": "-",
    }
    command = [sys.executable, "-m", "voc_worker.cli", "run", "--mode", "full", "--month", "2025-12"]
    subprocess.run(
        [*command, "--building-id", "95"], env=environment, cwd=tmp_path, check=True, capture_output=True, timeout=300
    )
    here = json.loads((tmp_path / "store/202512/95/latest.json").read_text())
    there = latest(product, MONTHS[1], "95")
    own = (tmp_path / "store" / here["tagged"]["key"]).read_bytes()
    assert own.replace(here["run_id"].encode(), there["run_id"].encode()) == product.get(there["tagged"]["key"])


def test_tagging_only_draws_no_dashboard(product: Product) -> None:
    """The month of one building is tagged again; the link that people keep stays as it was."""
    before = product.get("202512/95/dashboard.html")
    name = product.apply("tags", mode="tagging-only", month="2025-12", buildings=["95"])
    assert product.finish(name)["phase"] == "Succeeded"
    assert latest(product, MONTHS[1], "95")["mode"] == "tagging-only"
    assert product.get("202512/95/dashboard.html") == before


def test_reviews_change_the_dashboards_in_place_and_train_a_champion_that_the_next_run_uses(product: Product) -> None:
    """Refresh merges what people wrote; train makes a better model than the keyword tagger; full then uses it."""
    assert full(product, MONTHS[0])["phase"] == "Succeeded"
    before = product.get("202512/101/dashboard.html")
    for month in MONTHS:
        review(product, month)
        status = product.finish(product.apply(f"refresh-{month}", mode="refresh", month=str(month)))
        assert status["phase"] == "Succeeded", product.describe(f"refresh-{month}")
    assert latest(product, MONTHS[1], "101")["reviewed_rows"] > 0
    assert product.get("202512/101/dashboard.html") != before

    train = {"baseModel": "scratch", "promote": "manual"}
    status = product.finish(product.apply("train", mode="train", train=train), seconds=900)
    assert status["phase"] == "Succeeded", product.describe("train")
    assert status["progress"] == "1/1"
    (key,) = (key for key in product.keys("") if "/runs/train_" in key and key.endswith("decision.json"))
    release = json.loads(product.get(key))["release"]["release"]
    Registry(product.store).promote(release, by="a person", reason="It was looked at.", at=datetime.now(UTC))

    name = product.apply("tagged-by-model", mode="full", month="2025-12", parallelism=2)
    status = product.finish(name)
    assert status["phase"] == "Succeeded", product.describe(name)
    assert status["model"]["release"] == release
    assert latest(product, MONTHS[1], "95")["model"]["release"] == release
