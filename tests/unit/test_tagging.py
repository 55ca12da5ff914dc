"""The keyword tagger's rule, case by case."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voc_models.labels import OTHER, Head, Label, TaxonomyEntry, checked_taxonomy
from voc_worker.columns import CONFIDENCES, LABELS
from voc_worker.tagging import KeywordTagger, RowText, Tagged, Tagger


def _entry(kind: Head, label: str, *keywords: str, priority: int = 0, active: bool = True) -> TaxonomyEntry:
    major, minor = Label.parse(label)
    return TaxonomyEntry(kind=kind, major=major, minor=minor, keywords=keywords, priority=priority, active=active)


def _tagger(*entries: TaxonomyEntry) -> KeywordTagger:
    both = {entry.kind for entry in entries}
    fill: list[TaxonomyEntry] = [_entry(kind, "없음_없음") for kind in ("subject", "work") if kind not in both]
    return KeywordTagger(checked_taxonomy([*entries, *fill]))


def _one(tagger: KeywordTagger, title: str = "", request: str = "", reply: str = "") -> Tagged:
    return tagger.tag_texts([RowText(title, request, reply)])[0]


LEAK = _entry("subject", "시설_누수/배관", "누수", "배관")
AIR = _entry("subject", "시설_냉난방/공조", "에어컨", "냉방")
CLEAN = _entry("work", "작업_청소/정리", "청소")
FIX = _entry("work", "작업_수리/교체", "교체", "수리")


def test_request_decides_subject_and_reply_decides_work() -> None:
    """With keywords of two classes in both texts, the request names the subject and the reply the work type."""
    tagged = _one(_tagger(LEAK, AIR, CLEAN, FIX), request="에어컨 청소", reply="누수 수리")
    assert tagged.subject == AIR.label
    assert tagged.work == FIX.label


def test_reply_names_the_subject_when_the_request_is_silent() -> None:
    """A subject keyword in the reply counts when the request has none."""
    assert _one(_tagger(LEAK, AIR), request="확인 바랍니다", reply="누수 조치").subject == LEAK.label


@pytest.mark.parametrize("text", ["", "   ", "안녕하세요"])
def test_text_without_a_hit_is_other_with_score_zero(text: str) -> None:
    """Empty text and text without any keyword become 기타/기타 with score 0 for both heads."""
    assert _one(_tagger(LEAK, CLEAN), request=text) == (OTHER, 0.0, OTHER, 0.0)


def test_a_taxonomy_without_keywords_tags_everything_other() -> None:
    """Without a single keyword every row is 기타/기타."""
    assert _one(_tagger(_entry("subject", "시설_전기", ""), _entry("work", "작업_기타", " ")), "전기").subject == OTHER


def test_retired_pairs_do_not_vote() -> None:
    """An inactive pair's keywords find nothing."""
    retired = _entry("subject", "시설_승강기", "승강기", active=False)
    assert _one(_tagger(retired, LEAK), "승강기 고장").subject == OTHER


def test_spacing_and_case_do_not_matter() -> None:
    """A keyword is found although the tenant spaced or capitalised it otherwise."""
    tagger = _tagger(_entry("subject", "시설_통신", "Wi Fi", "인터넷"))
    assert _one(tagger, "WIFI 안됨").subject == _one(tagger, "인 터 넷 안됨").subject == Label("시설", "통신")


def test_longest_keyword_at_a_place_wins() -> None:
    """Of keywords that overlap, only the longest one votes."""
    short, long = _entry("subject", "환경_화장실", "화장실"), _entry("subject", "시설_급수", "화장실 세면대")
    tagged = _one(_tagger(short, long), "화장실 세면대")
    assert tagged.subject == long.label
    assert tagged.subject_score == pytest.approx(1 - math.exp(-math.sqrt(6 / 2)))


def test_equal_points_go_to_the_higher_priority() -> None:
    """A word of two pairs goes to the one with the higher priority although it is stored later."""
    low, high = _entry("subject", "가_가", "소음", priority=1), _entry("subject", "나_나", "소음", priority=5)
    assert _one(_tagger(low, high), "소음").subject == high.label


def test_equal_points_and_priority_go_to_the_first_stored() -> None:
    """A word of two pairs of equal priority goes to the one stored first, whatever the names."""
    first, second = _entry("subject", "나_나", "소음"), _entry("subject", "가_가", "소음")
    assert _one(_tagger(first, second), "소음").subject == first.label


def test_the_earlier_keyword_wins() -> None:
    """Of two keywords of one length the one that comes first in the text decides."""
    tagger = _tagger(LEAK, AIR)
    assert _one(tagger, "누수 그리고 냉방").subject == LEAK.label
    assert _one(tagger, "냉방 그리고 누수").subject == AIR.label


def test_the_title_comes_before_the_request() -> None:
    """A keyword in the title outweighs one in the request."""
    assert _one(_tagger(LEAK, AIR), title="냉방", request="누수").subject == AIR.label


def test_repeating_one_keyword_counts_less_and_less() -> None:
    """A word said twenty times does not outvote two different words of another class."""
    assert _one(_tagger(LEAK, AIR), "에어컨 냉방 " + "누수 " * 20).subject == AIR.label


def test_score_follows_the_formula() -> None:
    """The score is the share of points times 1 - e^-points, computed by hand."""
    tagged = _one(_tagger(LEAK, AIR), request="누수 누수 에어컨")
    # Squeezed "\n누수누수에어컨" has lost its line break: hits begin at 0, 2 and 4.
    leak = 1 / (1 + 0 / 80) + 0.5 / (1 + 2 / 80)
    air = math.sqrt(1.5) / (1 + 4 / 80)
    assert tagged.subject_score == pytest.approx(leak / (leak + air) * (1 - math.exp(-leak)))


def test_priority_scales_points_by_rank() -> None:
    """The highest of three priorities gains 30 % and the middle one 15 %, however far apart the numbers are."""
    entries = [_entry("subject", f"가_{p}", f"낱말{p}", priority=p) for p in (1, 2, 1000)]
    for priority, gain in ((1, 1.0), (2, 1.15), (1000, 1.3)):
        score = _one(_tagger(*entries), f"낱말{priority}").subject_score
        assert score == pytest.approx(1 - math.exp(-gain * math.sqrt(len(f"낱말{priority}") / 2)))


def test_frame_keeps_index_and_names_its_columns() -> None:
    """Tagging a frame returns the label and confidence columns under the same index, for no rows as well."""
    tagger: Tagger = _tagger(LEAK, CLEAN)
    rows = pd.DataFrame(
        {"title": ["누수", ""], "request_contents": ["", ""], "reply": ["청소", ""], "voc_id": ["7", "8"]},
        index=[42, 7],
    )
    tagged = tagger.tag(rows)
    assert list(tagged.columns) == [*LABELS, *CONFIDENCES]
    assert list(tagged.index) == [42, 7]
    assert tagged.loc[42, "subject_minor"] == "누수/배관"
    assert tagged.loc[7, "work_confidence"] == 0.0
    none = tagger.tag(rows.iloc[:0])
    assert list(none.columns) == [*LABELS, *CONFIDENCES]
    assert dict(none.dtypes[list(CONFIDENCES)].astype(str)) == dict.fromkeys(CONFIDENCES, "float64")


def _slow_points(text: str, keywords: dict[str, int]) -> dict[int, float]:
    """Leftmost longest matching, letter by letter."""
    points: dict[int, float] = {}
    seen: dict[str, int] = {}
    at = 0
    while at < len(text):
        found = max((word for word in keywords if text.startswith(word, at)), key=len, default=None)
        if found is None:
            at += 1
            continue
        gained = 0.5 ** seen.get(found, 0) * math.sqrt(len(found) / 2) / (1 + at / 80)
        points[keywords[found]] = points.get(keywords[found], 0.0) + gained
        seen[found] = seen.get(found, 0) + 1
        at += len(found)
    return points


@given(
    text=st.text(alphabet="가나다", max_size=40),
    keywords=st.dictionaries(st.text(alphabet="가나다", min_size=1, max_size=4), st.integers(0, 2), min_size=1),
)
def test_score_is_that_of_a_slow_search(text: str, keywords: dict[str, int]) -> None:
    """On any text the score equals that of a search written out letter by letter, and lies in [0, 1]."""
    entries = [_entry("subject", f"가_{n}", *(w for w, c in keywords.items() if c == n)) for n in range(3)]
    tagged = _one(_tagger(*entries), text)
    points = _slow_points(text, keywords)
    most = max(points.values(), default=0.0)
    expected = most / sum(points.values()) * (1 - math.exp(-most)) if points else 0.0
    assert tagged.subject_score == pytest.approx(expected)
    assert 0.0 <= tagged.subject_score <= 1.0


def test_the_ranking_begins_with_the_answer() -> None:
    """The first label of the ranking is what the tagger answers, with the same score, and scores never rise."""
    tagger = KeywordTagger(
        checked_taxonomy(
            [
                TaxonomyEntry(kind="subject", major="환경", minor="청결/미화", keywords=("청소", "더러")),
                TaxonomyEntry(kind="subject", major="시설", minor="위생기구", keywords=("화장실",)),
                TaxonomyEntry(kind="work", major="작업", minor="청소/정리", keywords=("청소",)),
            ]
        )
    )
    text = RowText("", "화장실이 더러워요 청소해 주세요", "")
    (answer,) = tagger.tag_texts([text])
    ranked = tagger.rank(text, 3)["subject"]
    assert ranked[0] == (answer.subject, answer.subject_score)
    assert [label.minor for label, _ in ranked] == ["청결/미화", "위생기구"]
    assert ranked[0][1] >= ranked[1][1]
    assert tagger.rank(RowText("", "", ""), 3)["work"] == [(OTHER, 0.0)]
