"""The sample is what its description says."""

from __future__ import annotations

import re
from itertools import pairwise

import pandas as pd
import pytest

from voc_models.labels import HEADS, Label, TaxonomyEntry, checked_taxonomy
from voc_models.months import KST, Month
from voc_worker.columns import LABELS, SOURCE, TEXT, TIMES
from voc_worker.sample.generate import Sample, generate
from voc_worker.sample.score import accuracy
from voc_worker.sample.words import vocabulary
from voc_worker.tagging import KeywordTagger


@pytest.fixture(scope="module")
def sample() -> Sample:
    """Invent it once."""
    return generate()


@pytest.fixture(scope="module")
def labelled(sample: Sample) -> pd.DataFrame:
    """Join requests and truth, with the month."""
    rows = sample.source().merge(sample.truth, on="voc_id", validate="1:1")
    return rows.assign(month=rows["created_at"].dt.strftime("%Y-%m"))


def test_same_seed_gives_the_same_sample(sample: Sample) -> None:
    """Inventing the sample again gives equal tables, and another seed gives other ones."""
    again = generate()
    for name in ("voc", "building", "taxonomy", "truth"):
        pd.testing.assert_frame_equal(getattr(sample, name), getattr(again, name))
    assert not generate(seed=7).voc["request_contents"].equals(sample.voc["request_contents"])


def test_months_and_buildings_are_complete(labelled: pd.DataFrame) -> None:
    """Every open building has requests in each of sixteen months, at least 6,000 up to 2025-12."""
    assert (labelled["month"] <= "2025-12").sum() >= 6000
    months = [str(Month(2024, 10).plus(i)) for i in range(16)]
    counts = labelled.groupby(["building_id", "month"]).size().unstack(fill_value=0)
    assert list(counts.columns) == months
    assert (counts.drop("77") >= 10).all(axis=None)
    assert (counts.loc["77", :"2025-06"] > 0).all()
    assert (counts.loc["77", "2025-07":] == 0).all()


def test_source_has_the_adapters_columns(sample: Sample) -> None:
    """The rows come with the columns and types that the database adapter yields, a month at a time."""
    rows = sample.source(Month(2025, 12))
    assert tuple(rows.columns) == SOURCE
    assert all(str(rows[name].dtype).endswith(f"{KST}]") for name in TIMES)
    assert set(rows["created_at"].dt.strftime("%Y-%m")) == {"2025-12"}
    assert not rows[["voc_id", "building_name", "title", "request_contents", "reply"]].isna().any(axis=None)


def test_truth_is_no_part_of_what_the_tagger_sees(sample: Sample) -> None:
    """The requests carry no label, and every true label is an active pair of the taxonomy."""
    assert not {*LABELS, "subject_debatable"} & set(sample.voc.columns)
    entries = [TaxonomyEntry.model_validate(row) for row in sample.taxonomy.to_dict("records")]
    taxonomy = checked_taxonomy(entries)
    for head in HEADS:
        pairs = set(map(Label, sample.truth[f"{head}_major"], sample.truth[f"{head}_minor"]))
        assert pairs == set(taxonomy.labels(head))
    assert len(taxonomy.labels("subject")) == 22
    assert len(taxonomy.labels("work")) == 11


def test_seasons_show(labelled: pd.DataFrame) -> None:
    """Complaints of heat belong to summer, of cold and snow to winter."""
    text = labelled["title"] + labelled["request_contents"]
    for words, high, low in (
        ("시원|더워|덥", "2025-07", "2025-01"),
        ("추워|춥|난방", "2025-12", "2025-07"),
        ("제설|빙판", "2025-01", "2025-07"),
    ):
        hits = text.str.contains(words).groupby(labelled["month"]).sum()
        assert hits[high] >= 5
        assert hits[high] > 2 * hits[low]


def test_planted_topics_rise_in_their_building(labelled: pd.DataFrame) -> None:
    """Each planted topic is at least three times as frequent as in the building's other months on average."""
    for rise in vocabulary().world.rising:
        label = Label.parse(rise.label)
        rows = labelled[(labelled["building_id"] == rise.building) & (labelled["subject_minor"] == label.minor)]
        counts = rows.groupby("month").size()
        assert counts[str(rise.month)] >= 10
        assert counts[str(rise.month)] > 3 * counts.drop(str(rise.month)).mean()


def test_about_three_percent_of_labels_are_debatable(sample: Sample) -> None:
    """Between 2 and 4 % of the labels of each head are marked as debatable."""
    for head in HEADS:
        assert 0.02 < sample.truth[f"{head}_debatable"].mean() < 0.04


def test_times_follow_each_other_and_some_are_open(sample: Sample) -> None:
    """Answers and completions come after creation and before the sample ends; some requests have neither."""
    voc = sample.voc
    end = Month(2026, 1).bounds().end
    for name in ("replied_at", "completed_at"):
        known = voc[voc[name].notna()]
        assert (known[name] > known["created_at"]).all()
        assert (known[name] < end).all()
        assert 0.02 < voc[name].isna().mean() < 0.2
    assert voc["created_at"].is_monotonic_increasing
    working = voc["created_at"].dt.day_of_week < 5
    assert working.mean() > 0.9
    assert voc["created_at"].dt.hour.between(9, 17).mean() > 0.75


@pytest.mark.parametrize(
    ("pattern", "at_least"),
    [
        (r"[ㅠㅜ]{1,}|ㅋㅋ", 150),
        (r"\d+층|\d{3,4}호|B\d", 2000),
        (r"010[-.]?1\d{3}[-.]?\d{4}", 300),
        (r"@example\.com", 50),
        (r"\d{2}[가-힣] \d{4}", 30),
        (r"Please|please|pls|Could|could", 50),
        (r"되요|됬| 않 |몇일", 50),
        (r"[🙏😢😡]", 50),
        (r"또 |재발|세 번째", 100),
    ],
)
def test_requests_are_written_as_people_write(sample: Sample, pattern: str, at_least: int) -> None:
    """Crying jamo, places, telephone numbers, plates, English, spelling mistakes and emoji all occur."""
    assert (sample.voc["title"] + " " + sample.voc["request_contents"]).str.contains(pattern).sum() >= at_least


def test_telephone_numbers_lie_in_unassigned_ranges(sample: Sample) -> None:
    """No mobile number of the sample can belong to anybody: 010-1 is not assigned."""
    numbers = re.findall(r"010[-.]?(\d)\d{3}[-.]?\d{4}", " ".join(sample.voc["request_contents"]))
    assert set(numbers) == {"1"}


def test_lengths_reach_from_nothing_to_long_stories(sample: Sample) -> None:
    """Some requests have no text, some at most five characters, some more than 300; some answers are empty."""
    length = sample.voc["request_contents"].str.len()
    assert (length == 0).any()
    assert ((length > 0) & (length <= 5)).any()
    assert (length > 300).sum() >= 50
    assert 0.05 < (sample.voc["reply"] == "").mean() < 0.25


def test_no_mark_of_a_template_is_left(sample: Sample) -> None:
    """No text has a brace, a bracket, two spaces in a row, or space at its ends."""
    for name in TEXT:
        text = sample.voc[name]
        assert not text.str.contains(r"[{}\[\]]|  ").any()
        assert text.equals(text.str.strip())


def test_duplicates_are_planted(sample: Sample) -> None:
    """At least one row in a hundred repeats another one's title and request in the same building within a day."""
    long = sample.voc[sample.voc["request_contents"].str.len() > 20]
    same = long.duplicated(["building_id", "title", "request_contents"])
    assert same.sum() >= len(sample.voc) / 100
    nearly = 0
    for _, rows in long.groupby(["building_id", "title"]):
        texts = sorted(rows["request_contents"])
        nearly += sum(b.startswith(a) and a != b for a, b in pairwise(texts))
    assert nearly >= 50


def test_the_keyword_tagger_is_useful_and_far_from_perfect(sample: Sample) -> None:
    """The keyword tagger finds 55 to 75 % of the subjects and 40 to 65 % of the work types."""
    rows = sample.source()
    tagged = KeywordTagger(vocabulary().taxonomy()).tag(rows).assign(voc_id=rows["voc_id"])
    score = accuracy(tagged, sample.truth)
    assert score.rows == len(rows)
    assert 0.55 < score.subject < 0.75
    assert 0.40 < score.work < 0.65
    assert score.both < score.work
