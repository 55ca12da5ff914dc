"""The ring of the chart: the real Helm 4 and 3, and what checks their output."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.chart.render import HELMS
from tests.tools_go import HELM4, GoTool

#: The first build of a Go program takes minutes.
_FIRST_BUILD_SECONDS = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the first test that needs a program the time to build it."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(_FIRST_BUILD_SECONDS))


@pytest.fixture(scope="session", autouse=True)
def _go() -> None:
    if shutil.which("go") is None:
        pytest.fail("Go is not on the PATH. Install Go 1.26 or later to test the chart.")


@pytest.fixture(params=list(HELMS))
def tool(request: pytest.FixtureRequest) -> GoTool:
    """Each version of Helm in turn."""
    return HELMS[str(request.param)]


@pytest.fixture
def helm4() -> GoTool:
    """Helm 4, where one version is enough."""
    return HELM4
