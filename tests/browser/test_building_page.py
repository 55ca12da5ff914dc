"""What a building manager's browser makes of the dashboard."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page

from tests import pages_data
from tests.browser.conftest import Opened
from voc_worker.dashboard import render_building
from voc_worker.pages.fonts import korean_font

Open = Callable[..., Opened]
HOSTILE = (
    "<script>document.title='owned'</script><svg onload=\"document.title='owned'\"><style>*{display:none}</style>"
    "</td></table></html><img src=x onerror=\"document.title='owned'\"> \u202e\u2066 {{ 7*7 }} ${7*7} "
)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """A month of 240 rows."""
    return pages_data.rows(240)


@pytest.fixture(scope="module")
def html(frame: pd.DataFrame) -> str:
    """Their dashboard."""
    return render_building(pages_data.measures(frame), frame, font=korean_font(), csv_name="tagged_95_202512_x.csv")


def shown_ids(page: Page) -> list[str]:
    """Return the ids of the rows that can be seen, in their order."""
    return page.locator("#rows tbody tr:visible td:first-child").all_inner_texts()


def tab_to(page: Page, selector: str) -> None:
    """Reach an element as a keyboard does, from the top of the page."""
    page.evaluate("document.activeElement.blur()")
    for _ in range(400):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    pytest.fail(f"{selector} cannot be reached by the Tab key.")


def test_page_asks_the_network_for_nothing_and_violates_no_policy(open_page: Open, html: str) -> None:
    """Opening the page requests the file alone and says nothing on the console."""
    opened = open_page(html)
    assert opened.requests == [opened.page.url]
    assert opened.console == []
    assert opened.page.evaluate("document.documentElement.classList.contains('js')")


def test_policy_refuses_a_script_that_was_not_hashed(open_page: Open, html: str) -> None:
    """A script element and a style attribute added to the file are refused by the page's own policy."""
    changed = html.replace(
        "</main>", "<p style='color:red' id='odd'>x</p><script>document.title='owned'</script></main>"
    )
    opened = open_page(changed)
    assert opened.page.title() != "owned"
    assert len(opened.console) == 2
    assert all("Content Security Policy" in line for line in opened.console)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_page_has_no_accessibility_violation(open_page: Open, html: str, width: int, scheme: str) -> None:
    """axe-core finds nothing against WCAG 2.2 AA or its best practices, with every table fallback open."""
    opened = open_page(html, width=width, color_scheme=scheme)
    opened.page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    assert opened.accessibility() == []


@pytest.mark.parametrize("scripted", [True, False])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_page_never_scrolls_sideways(open_page: Open, html: str, width: int, scripted: bool) -> None:
    """The page is as wide as the window, on a phone too."""
    opened = open_page(html, width=width, java_script_enabled=scripted)
    assert opened.overflow() <= 0


def test_everything_is_readable_without_script(open_page: Open, html: str, frame: pd.DataFrame) -> None:
    """Without script every row is shown, in order of receipt, and no dead control is."""
    opened = open_page(html, java_script_enabled=False)
    assert shown_ids(opened.page) == list(frame.sort_values("created_at")["voc_id"])
    assert not opened.page.locator("#search").is_visible()
    assert opened.page.get_by_role("link", name="전체 원문 CSV 파일").get_attribute("href") == "tagged_95_202512_x.csv"


def test_search_finds_rows_that_hold_every_word(open_page: Open, html: str, frame: pd.DataFrame) -> None:
    """Typing two words leaves the rows that hold both, wherever they stand."""
    page = open_page(html).page
    tab_to(page, "#search")
    page.keyboard.type("누수 B2")
    expected = frame[(frame["subject_minor"] == "누수") & frame["request_contents"].str.startswith("B2")]
    assert set(shown_ids(page)) == set(expected["voc_id"])
    assert f"{len(expected)}건" in page.locator("#count").inner_text()


def test_filters_narrow_the_table_by_keyboard(open_page: Open, html: str, frame: pd.DataFrame) -> None:
    """Choosing a subject and the open rows with the arrow keys leaves exactly those rows."""
    page = open_page(html).page
    tab_to(page, "#by-subject")
    page.keyboard.press("ArrowDown")
    tab_to(page, "#by-done")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("#by-subject").input_value()
    subject = frame["subject_major"] + "/" + frame["subject_minor"]
    assert chosen == subject.value_counts().index[0]
    assert set(shown_ids(page)) == set(frame[(subject == chosen) & frame["completed_at"].isna()]["voc_id"])


def test_review_filter_separates_people_from_the_machine(open_page: Open, html: str, frame: pd.DataFrame) -> None:
    """The doubtful choice shows unreviewed rows below the limit, and clearing shows all again."""
    page = open_page(html).page
    page.locator("#by-review").select_option("low")
    least = (frame[["subject_confidence", "work_confidence"]].min(axis=1) * 100).astype(int)
    assert set(shown_ids(page)) == set(frame[(least < 70) & ~frame["subject_reviewed"]]["voc_id"])
    tab_to(page, "#clear")
    page.keyboard.press("Enter")
    assert "240건 중 240건" in page.locator("#count").inner_text()


def test_sort_turns_with_each_press_and_is_announced(open_page: Open, html: str, frame: pd.DataFrame) -> None:
    """A header's button sorts up, then down, by duration and not by its words, and says so through aria-sort."""
    page = open_page(html).page
    header = page.locator("#rows thead th:nth-child(6)")
    tab_to(page, "#rows thead th:nth-child(6) button")
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    taken = (frame["completed_at"] - frame["created_at"]).set_axis(frame["voc_id"])
    fastest = shown_ids(page)
    assert taken[fastest[0]] <= taken.quantile(0.02)
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    assert pd.isna(taken[shown_ids(page)[0]])


def test_pages_of_the_table_turn(open_page: Open, html: str) -> None:
    """Fifty rows are shown at once, and the next page shows the fifty after them."""
    page = open_page(html).page
    first = shown_ids(page)
    page.locator("#next").press("Enter")
    assert len(first) == len(shown_ids(page)) == 50
    assert not set(first) & set(shown_ids(page))


def test_link_to_a_row_shows_it_whatever_was_searched(open_page: Open, html: str) -> None:
    """Following a topic's link clears the search, turns to the row's page and moves the focus to it."""
    page = open_page(html).page
    page.locator("#search").fill("없는낱말")
    link = page.locator(".topics .rowlinks a").last
    voc_id = link.inner_text()
    link.press("Enter")
    page.wait_for_function("id => document.activeElement.id === 'v-' + id", arg=voc_id)
    assert voc_id in shown_ids(page)


def test_download_holds_the_filtered_rows_safely(open_page: Open, frame: pd.DataFrame) -> None:
    """The CSV has a BOM, one line per filtered row, and an apostrophe before what a spreadsheet would run."""
    rows = frame.copy()
    rows.loc[rows.index[:3], "title"] = '=HYPERLINK("http://x"),"y"'
    page = open_page(render_building(pages_data.measures(rows), rows)).page
    page.locator("#search").fill("hyperlink")
    tab_to(page, "#csv")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    text = Path(waiting.value.path()).read_bytes().decode()
    lines = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert text.startswith("\ufeff")
    assert waiting.value.suggested_filename == "voc_95_202512_view.csv"
    assert lines[0] == ["번호", "접수", "주제", "작업유형", "내용", "처리", "분류"]
    assert len(lines) == 4
    assert all(line[4].startswith("'=HYPERLINK(") for line in lines[1:])


@pytest.mark.parametrize("column", ["title", "request_contents", "voc_id", "subject_minor", "building_name"])
def test_hostile_text_does_nothing(open_page: Open, frame: pd.DataFrame, column: str) -> None:
    """Markup, scripts, styles and bidirectional marks in any text are shown as text, and a long one is cut."""
    rows = frame.head(30).copy()
    rows[column] = [HOSTILE + str(number) for number in range(len(rows))] if column == "voc_id" else HOSTILE
    rows["request_contents"] = rows["request_contents"] + "가" * 50_000
    opened = open_page(render_building(pages_data.measures(rows), rows, font=korean_font()), width=360)
    assert "owned" not in opened.page.title() or column == "building_name"
    assert opened.page.evaluate("document.querySelectorAll('main script, main style, main img').length") == 0
    assert opened.console == []
    assert opened.overflow() <= 0
    assert opened.page.locator("#rows tbody tr").count() == 30
    assert "\u202e" not in opened.page.content()


def test_empty_month_says_so(open_page: Open) -> None:
    """A month without any VOC is a short page with that sentence, accessible like the others."""
    opened = open_page(render_building(pages_data.empty_measures(), pages_data.rows(1).head(0)), width=360)
    assert "12월에는 접수된 VOC가 없습니다." in opened.page.locator("main").inner_text()
    assert opened.accessibility() == []
    assert opened.console == []


def test_print_drops_controls_and_keeps_the_summary(open_page: Open, html: str) -> None:
    """On paper the controls and links of the screen are gone, the ground is white and the summary stands."""
    page = open_page(html, color_scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("nav").is_visible()
    assert not page.locator("#search").is_visible()
    assert page.locator(".summary .big").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
