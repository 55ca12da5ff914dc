"""What head office's browser makes of the fleet and the model page."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import pages_fleet_data
from tests.browser.conftest import Opened
from voc_worker.dashboard import render_fleet, render_model
from voc_worker.pages.model_report import ModelReport

Open = Callable[..., Opened]
PAGES: dict[str, Callable[[], str]] = {
    "fleet": lambda: render_fleet(pages_fleet_data.fleet(), run_id="full_20260101_020000_ab12c"),
    "empty fleet": lambda: render_fleet(pages_fleet_data.empty_fleet(), run_id="full_20260101_020000_ab12c"),
    "model": lambda: render_model(pages_fleet_data.model()),
    "no model": lambda: render_model(ModelReport("keyword")),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_company_page_is_accessible_quiet_and_narrow(open_page: Open, name: str, width: int, scheme: str) -> None:
    """axe-core finds nothing, the console stays silent, no request is made and nothing scrolls the page sideways."""
    opened = open_page(PAGES[name](), width=width, color_scheme=scheme)
    opened.page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    assert opened.overflow() <= 0
    assert opened.requests == [opened.page.url]
    assert opened.console == []
    assert opened.accessibility() == []


def test_building_opens_from_the_ranking(open_page: Open) -> None:
    """A building's name leads to the link that people keep, beside the fleet report in the store."""
    page = open_page(PAGES["fleet"]()).page
    assert page.get_by_role("link", name="가온빌딩 1", exact=True).get_attribute("href") == "91/dashboard.html"
