"""The finished pages: one file each, inside their size, the same bytes for the same input."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import pandas as pd
import pytest
from lxml import html as lxml_html  # type: ignore[import-untyped] # lxml ships no types

from tests import pages_data, pages_fleet_data
from voc_worker.dashboard import render_building, render_fleet, render_model
from voc_worker.measures.building import measure_building
from voc_worker.measures.model import Comparability, Trends
from voc_worker.pages.fonts import korean_font
from voc_worker.pages.listing import LOW_PERCENT
from voc_worker.pages.model_report import ModelReport

RUN_ID = "full_20260101_020000_ab12c"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """A month of 312 rows."""
    return pages_data.rows(312)


@pytest.fixture(scope="module")
def page(frame: pd.DataFrame) -> str:
    """Their dashboard."""
    return render_building(pages_data.measures(frame), frame, font=korean_font(), csv_name="tagged.csv")


def every_page(page: str) -> list[str]:
    """Return one page of each kind, empty ones too."""
    return [
        page,
        render_building(pages_data.empty_measures(), pages_data.rows(1).head(0)),
        render_fleet(pages_fleet_data.fleet(), run_id=RUN_ID),
        render_fleet(pages_fleet_data.empty_fleet(), run_id=RUN_ID),
        render_model(pages_fleet_data.model()),
        render_model(ModelReport("keyword")),
    ]


def test_policy_allows_exactly_the_inline_parts(page: str) -> None:
    """The hashes of the policy are those of the style and script elements, and everything else is refused."""
    for made in every_page(page):
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', made)
        assert policy is not None
        assert policy[1].startswith("default-src &#39;none&#39;;")
        inline = re.findall(r"<style>(.*?)</style>", made, re.DOTALL) + re.findall(
            r"<script>(.*?)</script>", made, re.DOTALL
        )
        hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline}
        assert set(re.findall(r"sha256-([^&]+)&#39;", policy[1])) == hashes


def test_pages_hold_no_inline_style_handler_or_address(page: str) -> None:
    """No element has a style or an event attribute, and nothing is loaded from anywhere."""
    for made in every_page(page):
        for element in lxml_html.fromstring(made.encode()).iter():
            names = {str(name) for name in element.attrib}
            assert "style" not in names
            assert not any(name.startswith("on") for name in names)
            assert not names & {"src", "srcset", "action"}
        assert "http://" not in made
        assert "https://" not in made


@pytest.mark.parametrize(("number", "limit"), [(500, 300_000), (1_000, 400_000), (10_000, 1_500_000)])
def test_page_stays_inside_its_size(number: int, limit: int) -> None:
    """Pages of long requests are as small as promised, and say that texts were cut."""
    frame = pages_data.rows(number)
    frame["request_contents"] = frame["request_contents"] + " 자세한 사정을 길게 적습니다." * 20
    made = render_building(pages_data.measures(frame), frame, font=korean_font(), csv_name="tagged.csv")
    assert len(made.encode()) <= limit
    assert made.count("<tr") >= number
    assert "긴 글은 앞부분만 보입니다." in made


def test_rows_beyond_ten_thousand_are_left_to_the_csv(frame: pd.DataFrame) -> None:
    """A page of more rows than it can show says how many it shows."""
    many = pd.concat([frame] * 33, ignore_index=True)
    made = render_building(pages_data.measures(frame), many)
    assert "10,296건 중 먼저 접수된 10,000건만 보입니다." in made


def test_equal_input_gives_equal_bytes(frame: pd.DataFrame, page: str) -> None:
    """Rendering again, with the rows in another order, gives the same file."""
    shuffled = frame.sample(frac=1, random_state=3)
    again = render_building(pages_data.measures(frame), shuffled, font=korean_font(), csv_name="tagged.csv")
    assert again == page


def test_numbers_on_the_page_are_those_of_the_rows(frame: pd.DataFrame) -> None:
    """Count, completion rate and each subject's rows on the page are what counting the rows gives."""
    made = render_building(measure_building(pages_data.MONTH, "95", "한빛타워", frame, []), frame)
    tree = lxml_html.fromstring(made.encode())
    values = [element.text_content() for element in tree.find_class("value")]
    assert values[0] == "312건"
    assert values[1] == f"{frame['completed_at'].notna().mean():.0%}"
    subjects = tree.get_element_by_id("subjects").getparent()
    shown = {
        row.find("th").text_content(): int(row.find_class("n")[0].text_content().split()[0])
        for row in subjects.find(".//figure//tbody")
    }
    counted = (frame["subject_major"] + " > " + frame["subject_minor"]).value_counts()
    assert shown == counted.to_dict()


def test_every_link_inside_the_page_leads_somewhere(page: str) -> None:
    """The contents, the things to do and the links to rows name elements that exist, once."""
    for made in every_page(page):
        tree = lxml_html.fromstring(made.encode())
        ids = [str(found) for found in tree.xpath("//@id")]
        targets = {str(found)[1:] for found in tree.xpath("//a/@href") if str(found).startswith("#")}
        assert len(ids) == len(set(ids))
        assert targets <= set(ids)


def test_doubtful_means_the_same_in_figures_and_table(frame: pd.DataFrame) -> None:
    """The limit below which a tag is doubtful is an edge of the measured bands."""
    bands = measure_building(pages_data.MONTH, "95", "한빛타워", frame, []).confidence
    assert LOW_PERCENT / 100 in {band.high for band in bands}


def test_incomparable_past_is_said(frame: pd.DataFrame) -> None:
    """Without comparable months no topic is judged, and the page says so instead of that nothing rose."""
    measures = replace(pages_data.measures(frame), trends=Trends(Comparability.NONE))
    made = render_building(measures, frame)
    assert "이번 달에는 판정하지 않았습니다." in made
    assert "평소보다 뚜렷이 늘어난 주제" not in made


def test_personal_data_is_masked_unless_configured(frame: pd.DataFrame, page: str) -> None:
    """Phone numbers never reach a page, but for an installation that switched masking off, whose page says so."""
    assert "010-1234-5678" not in page
    bare = render_building(pages_data.measures(frame), frame, masked=False)
    assert "010-1234-5678" in bare
    assert "개인정보를 가리지 않았습니다" in bare


def test_missing_times_are_explained(frame: pd.DataFrame) -> None:
    """A customer without reply and completion times gets a page that says which numbers are not there."""
    bare = frame.copy()
    bare["replied_at"] = bare["completed_at"] = bare["created_at"].where(bare["voc_id"] == "")
    made = render_building(measure_building(pages_data.MONTH, "95", "한빛타워", bare, []), bare)
    assert "답변 시각이 없어" in made
    assert "완료 시각이 없어" in made


def test_single_row_is_a_page(frame: pd.DataFrame) -> None:
    """One request makes a whole page."""
    one = frame.head(1)
    made = render_building(measure_building(pages_data.MONTH, "95", "한빛타워", one, []), one, font=korean_font())
    assert "12월 VOC는 1건입니다." in made


def test_fleet_counts_closed_buildings_without_naming_them() -> None:
    """Closed buildings are in the totals and in a sentence, and the ranking names the others only."""
    made = render_fleet(pages_fleet_data.fleet(5, closed=2), run_id=RUN_ID)
    assert "건물 7곳" in made
    assert "문을 닫은 건물 2곳은 합계에 넣고 이름은 적지 않았습니다." in made
    ranked = lxml_html.fromstring(made.encode()).xpath("//table[contains(@class,'ranked')]/tbody/tr")
    assert len(ranked) == 5


def test_fleet_sends_people_to_the_outliers() -> None:
    """The building outside the limits is in what to do, marked in the ranking and listed under the funnel."""
    made = render_fleet(pages_fleet_data.fleet(12), run_id=RUN_ID)
    assert "눈에 띄게 많이 접수된 건물을 확인하세요: 다온스퀘어 3." in made
    assert made.count("매우 많음") == 1
    assert "√1.4배" in made


def test_model_page_escapes_what_people_wrote() -> None:
    """A reason typed by a person is text, and the newest champion is first."""
    made = render_model(pages_fleet_data.model())
    assert "직접 올림 &lt;b&gt;확인&lt;/b&gt;" in made
    assert made.index("직접 올림") < made.index("4.1점")
    assert "모델 20251220의 정확도는 주제 87.1%, 작업유형 81.2%입니다." in made


def test_keyword_tagger_has_a_model_page() -> None:
    """With no model in service the page says that rules tag."""
    assert "아직 학습된 모델이 없어 키워드 규칙으로 분류합니다." in render_model(ModelReport("keyword"))
