"""What kubelet and Prometheus are answered."""

from __future__ import annotations

import aiohttp
import pytest

from tests import own_loop
from voc_operator.http_server import HttpServer
from voc_operator.metrics import Metrics


async def ask(fault: str, path: str) -> tuple[int, str]:
    """Return status and text of one request."""
    server = HttpServer(0, lambda: fault, Metrics())
    port = await server.start()
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, await answer.text()
    finally:
        await server.stop()


@pytest.mark.parametrize(("fault", "status"), [("", 200), ("Nothing was processed for 61 s.", 503)])
def test_health_is_an_http_status_and_a_sentence(fault: str, status: int) -> None:
    """An operator that works answers 200; one that does not answers 503 and says why."""
    assert own_loop.run(ask(fault, "/healthz")) == (status, f"{fault or 'ok'}\n")


def test_metrics_are_prometheus_text() -> None:
    """The endpoint gives the operator's own metrics and those of its process."""
    status, text = own_loop.run(ask("", "/metrics"))
    assert status == 200
    assert "voc_nlp_reconcile_seconds_bucket" in text
    assert "process_resident_memory_bytes" in text
