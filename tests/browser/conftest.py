"""Debian's chromium, driven by playwright; pages are opened from files, as people open a mailed report."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_AXE = Path(str(distribution("axe-playwright-python").locate_file("axe_playwright_python/axe.min.js")))
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class Opened:
    """A page, and everything that it said or asked for while it was open."""

    page: Page
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def accessibility(self) -> list[str]:
        """Return axe-core's violations as ``rule: element`` lines."""
        self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", _RULES)
        return [f"{item['id']}: {node['html'][:160]}" for item in found["violations"] for node in item["nodes"]]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless chromium for the whole ring."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("No chromium is on PATH. Install it (Debian: apt-get install chromium) to test what people see.")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Open HTML from a file; further keywords go to the browser context (color_scheme, java_script_enabled, …)."""
    contexts: list[BrowserContext] = []

    def opened(html: str, *, width: int = 1280, **options: Any) -> Opened:  # noqa: ANN401 - playwright's own options
        file = tmp_path / f"page{len(contexts)}.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        result = Opened(context.new_page())
        result.page.on("console", lambda message: result.console.append(message.text))
        result.page.on("pageerror", lambda error: result.console.append(str(error)))
        result.page.on("request", lambda request: result.requests.append(request.url))
        result.page.goto(file.as_uri())
        return result

    yield opened
    for context in contexts:
        context.close()
