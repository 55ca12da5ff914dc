"""What a month's sheet comes to, whatever people did to it."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.unit.fixtures_review import sheet_frame, tagged_frame, taxonomy
from voc_worker.columns import LABELS, SHEET, SNAPSHOT, TAGGED
from voc_worker.review import resolve as module
from voc_worker.review.resolve import Resolution, resolve

MACHINE = ("시설", "냉난방/공조", "작업", "수리/교체")


def resolved(cells: dict[str, dict[str, str]], count: int = 6) -> Resolution:
    """Resolve a fresh sheet into which people wrote ``cells``."""
    tagged = tagged_frame(count)
    return resolve(sheet_frame(tagged, cells), taxonomy(), tagged)


def labels(resolution: Resolution, voc_id: str) -> tuple[str, ...]:
    """Return the labels of one row of the snapshot."""
    row = resolution.snapshot.set_index("voc_id").loc[voc_id, list(LABELS)]
    return tuple(str(part) for part in row)


@pytest.mark.parametrize("mark", ["Y", "y", "Ｙ", " y ", "ｙ\n", "예", "\u3000예", "\u200bY\ufeff"])
def test_yes_in_any_writing_accepts_the_machine_label(mark: str) -> None:
    """A row marked done with blank 검수_ cells takes the pair that stands in the sheet row."""
    resolution = resolved({"v1": {"검수완료": mark}})
    assert labels(resolution, "v1") == MACHINE
    assert resolution.counts["reviewed"] == 1
    assert resolution.results["v1"] == "반영됨: 주제 시설 > 냉난방/공조, 작업유형 작업 > 수리/교체"


@pytest.mark.parametrize("mark", ["", "  ", "N", "ｎ", "아니오", "아니요"])
def test_no_leaves_the_row_open(mark: str) -> None:
    """A blank or a no is not a review and needs no answer."""
    resolution = resolved({"v1": {"검수완료": mark}})
    assert resolution.snapshot.empty
    assert resolution.results == {}
    assert resolution.disputed == ()


@pytest.mark.parametrize("mark", ["완료", "OK", "YY", "TRUE", "=Y"])
def test_other_marks_are_asked_about(mark: str) -> None:
    """A mark that is neither yes nor no is not guessed at."""
    resolution = resolved({"v1": {"검수완료": mark}})
    assert resolution.snapshot.empty
    assert f"'{mark}'" in resolution.results["v1"]
    assert "Y를 입력해" in resolution.disputed[0].reason


@pytest.mark.parametrize(
    ("major", "minor", "expected"),
    [
        ("환경", "청결/미화", ("환경", "청결/미화")),
        (" 환 경", "청결 / 미화 ", ("환경", "청결/미화")),
        ("", "전기/조명", ("시설", "전기/조명")),
        ("", "안내/민원", ("서비스", "안내/민원")),
        ("서비스", "", ("서비스", "안내/민원")),
        ("시설", "", ("시설", "냉난방/공조")),
        ("\u200b", " ", ("시설", "냉난방/공조")),
    ],
)
def test_pairs_are_read_as_the_rule_says(major: str, minor: str, expected: tuple[str, str]) -> None:
    """A blank half takes the machine's cell, or is completed where only one pair is possible."""
    resolution = resolved({"v2": {"검수완료": "Y", "검수_주제 대분류": major, "검수_주제 중분류": minor}})
    assert labels(resolution, "v2") == (*expected, "작업", "수리/교체")
    assert resolution.disputed == ()


@pytest.mark.parametrize(
    ("major", "minor", "sentence"),
    [
        ("점검", "청소/정리", "'점검 > 청소/정리'은(는) 분류체계에 없는 조합"),
        ("=HYPERLINK(1)", "청소/정리", "수식은 읽지 않습니다"),
        ("모름", "", "대분류 '모름'의 중분류도 골라 주세요"),
        ("", "없는 것", "중분류 '없는 것'만으로는"),
        ("작업, 점검", "정기점검", "분류체계에 없는 조합"),
    ],
)
def test_unusable_pair_is_left_and_explained(major: str, minor: str, sentence: str) -> None:
    """A pair outside the taxonomy is not merged while the row's other head is, and the reviewer is told why."""
    resolution = resolved({"v2": {"검수완료": "Y", "검수_작업유형 대분류": major, "검수_작업유형 중분류": minor}})
    assert labels(resolution, "v2") == ("시설", "냉난방/공조", "", "")
    assert [dispute.voc_id for dispute in resolution.disputed] == ["v2"]
    assert sentence in resolution.disputed[0].reason
    assert resolution.results["v2"].startswith("반영됨: 주제 시설 > 냉난방/공조 / 반영하지 못함: 작업유형: ")
    assert "작업유형 작업" not in resolution.results["v2"]


def test_minor_of_two_majors_takes_the_machines_major_only_if_that_pair_exists() -> None:
    """A 중분류 that two 대분류 share is completed by the machine's 대분류, never by a guess."""
    cells = {"v2": {"검수완료": "Y", "검수_작업유형 중분류": "기타"}}
    assert labels(resolved(cells), "v2")[2:] == ("작업", "기타")
    tagged = tagged_frame(6)
    tagged["work_major"], tagged["work_minor"] = "점검", "정기점검"
    resolution = resolve(sheet_frame(tagged, cells), taxonomy(), tagged)
    assert labels(resolution, "v2")[2:] == ("", "")
    assert "대분류를 알 수 없습니다" in resolution.results["v2"]


def test_row_with_no_usable_pair_is_not_in_the_snapshot() -> None:
    """When neither head can be merged the row stays unreviewed and is listed."""
    wrong = {f"검수_{name}": "없음" for name in ("주제 대분류", "주제 중분류", "작업유형 대분류", "작업유형 중분류")}
    resolution = resolved({"v0": {"검수완료": "Y", **wrong}})
    assert resolution.snapshot.empty
    assert (resolution.counts["reviewed"], resolution.counts["disputed"]) == (0, 1)


def test_labels_without_a_mark_wait() -> None:
    """A row with 검수_ cells and no Y is pending and says what is missing."""
    resolution = resolved({"v3": {"검수_주제 대분류": "환경"}})
    assert resolution.snapshot.empty
    assert resolution.results == {"v3": module.PENDING}
    assert resolution.counts["pending"] == 1


def test_remark_alone_needs_no_answer() -> None:
    """A 비고 or 검수자 without anything else changes nothing."""
    resolution = resolved({"v3": {"비고": "나중에", "검수자": "김"}})
    assert resolution.results == {}
    assert resolution.counts["pending"] == 0


def test_reviewer_note_and_sample_come_along() -> None:
    """The snapshot names who reviewed, what they remarked, and whether the row measures models."""
    resolution = resolved({"v5": {"검수완료": "Y", "검수자": " 김민지 ", "비고": "전화함\n재방문"}})
    row = resolution.snapshot.iloc[0]
    assert tuple(resolution.snapshot.columns) == SNAPSHOT
    assert (row["reviewer"], row["note"], row["building_id"]) == ("김민지", "전화함\n재방문", "101")
    assert bool(row["is_sample"])


def test_the_sample_flag_is_the_machines_not_the_sheets() -> None:
    """A 표본 cell that somebody overwrote does not move a row into or out of the sample."""
    resolution = resolved({"v0": {"검수완료": "Y", "표본": ""}, "v1": {"검수완료": "Y", "표본": "표본"}})
    assert list(resolution.snapshot["is_sample"]) == [True, False]


def test_label_retired_since_the_upload_is_reported() -> None:
    """Accepting a label that has left the taxonomy merges nothing for that head and says so."""
    tagged = tagged_frame(2)
    now = taxonomy(retired=[("시설", "냉난방/공조")])
    resolution = resolve(sheet_frame(tagged, {"v0": {"검수완료": "Y"}}), now, tagged)
    assert labels(resolution, "v0") == ("", "", "작업", "수리/교체")
    assert "더 이상 쓰지 않는 분류" in resolution.results["v0"]


def test_unknown_id_is_reported_when_people_wrote_beside_it() -> None:
    """A voc_id edited by hand, or blank, is listed if the row has people's cells and ignored otherwise."""
    tagged = tagged_frame(4)
    rows = sheet_frame(tagged, {"v0": {"검수완료": "Y"}, "v1": {"비고": "?"}})
    rows["voc_id"] = rows["voc_id"].replace({"v0": "v999", "v1": " ", "v2": "v998"})
    resolution = resolve(rows, taxonomy(), tagged)
    assert resolution.snapshot.empty
    assert {(dispute.voc_id, dispute.reason) for dispute in resolution.disputed} == {
        ("v999", module.UNKNOWN_ID),
        ("", module.NO_ID),
    }
    assert resolution.results == {"v999": module.UNKNOWN_ID}


def test_row_torn_from_its_building_or_time_is_not_merged() -> None:
    """A review whose voc_id now stands beside another row's building and time is refused."""
    tagged = tagged_frame(4)
    rows = sheet_frame(tagged, {"v1": {"검수완료": "Y"}})
    at = rows.index[rows["voc_id"] == "v1"][0]
    rows.loc[at, "접수일시"] = rows.loc[rows["voc_id"] == "v3", "접수일시"].iloc[0]
    resolution = resolve(rows, taxonomy(), tagged)
    assert resolution.snapshot.empty
    assert resolution.disputed[0].reason == module.TORN
    rows.loc[at, "검수완료"] = ""
    assert resolve(rows, taxonomy(), tagged).disputed == ()


def pasted(first: dict[str, str], second: dict[str, str]) -> Resolution:
    """Resolve a sheet in which the row of v1 is there twice."""
    tagged = tagged_frame(3)
    rows = sheet_frame(tagged, {"v1": first})
    copy = sheet_frame(tagged, {"v1": second}).query("voc_id == 'v1'").assign(sheet_row=99)
    return resolve(pd.concat([rows, copy], ignore_index=True), taxonomy(), tagged)


def test_equal_duplicates_are_one_review() -> None:
    """Two rows of one voc_id that decide alike are one review, by both reviewers."""
    resolution = pasted(
        {"검수완료": "Y", "검수자": "김"}, {"검수완료": "예", "검수자": "이", "검수_주제 대분류": "시설"}
    )
    assert labels(resolution, "v1") == MACHINE
    assert resolution.snapshot["reviewer"][0] == "김, 이"
    assert resolution.disputed == ()


def test_differing_duplicates_are_disputed() -> None:
    """Two rows of one voc_id that decide differently merge nothing, and both show why."""
    resolution = pasted({"검수완료": "Y"}, {"검수완료": "Y", "검수_주제 중분류": "전기/조명"})
    assert resolution.snapshot.empty
    assert [dispute.reason for dispute in resolution.disputed] == [module.CONFLICT]
    assert module.CONFLICT in resolution.results["v1"]


def test_an_undecided_copy_does_not_stop_the_decided_row() -> None:
    """A copied row without Y leaves the decision to the row that has one."""
    assert labels(pasted({}, {"검수완료": "Y", "검수_주제 중분류": "전기/조명"}), "v1")[1] == "전기/조명"


def test_withdrawn_yes_leaves_the_snapshot_and_is_told_once() -> None:
    """A row whose Y was taken back is named as withdrawn; at the next refresh its sentence is cleared."""
    tagged = tagged_frame(3)
    before = resolve(sheet_frame(tagged, {"v0": {"검수완료": "Y"}, "v1": {"검수완료": "Y"}}), taxonomy(), tagged)
    rows = sheet_frame(tagged, {"v0": {"처리결과": before.results["v0"]}, "v1": {"검수완료": "Y"}})
    after = resolve(rows, taxonomy(), tagged, before.snapshot)
    assert after.withdrawn == ("v0",)
    assert list(after.snapshot["voc_id"]) == ["v1"]
    assert after.results["v0"] == module.WITHDRAWN
    later = resolve(sheet_frame(tagged, {"v0": {"처리결과": module.WITHDRAWN}}), taxonomy(), tagged, after.snapshot)
    assert later.results["v0"] == ""


def test_deleted_row_keeps_its_decision() -> None:
    """A row that people deleted from the sheet takes no review back, as long as its pair is in force."""
    tagged = tagged_frame(3)
    before = resolve(sheet_frame(tagged, {"v0": {"검수완료": "Y"}, "v1": {"검수완료": "Y"}}), taxonomy(), tagged)
    rows = sheet_frame(tagged, {"v1": {"검수완료": "Y"}}).query("voc_id != 'v0'")
    after = resolve(rows, taxonomy(), tagged, before.snapshot)
    assert after.carried == ("v0",)
    assert after.withdrawn == ()
    assert set(after.snapshot["voc_id"]) == {"v0", "v1"}
    nothing_left = taxonomy(retired=[("시설", "냉난방/공조"), ("작업", "수리/교체")])
    retired = resolve(rows, nothing_left, tagged, before.snapshot)
    assert (retired.carried, set(retired.withdrawn)) == ((), {"v0", "v1"})
    assert retired.disputed[0].reason.startswith(module.DELETED_RETIRED)


def test_lost_worksheet_keeps_every_decision() -> None:
    """A worksheet that is gone altogether changes no review."""
    tagged = tagged_frame(3)
    before = resolve(sheet_frame(tagged, {"v0": {"검수완료": "Y"}}), taxonomy(), tagged)
    after = resolve(sheet_frame(tagged).iloc[:0], taxonomy(), tagged, before.snapshot)
    assert after.snapshot.equals(before.snapshot)


def test_results_already_shown_are_not_written_again() -> None:
    """A second refresh of an unchanged sheet has nothing to write."""
    cells = {"v0": {"검수완료": "Y"}, "v1": {"검수_주제 대분류": "환경"}, "v2": {"검수완료": "?"}}
    first = resolved(cells)
    shown = {voc: {**cells[voc], "처리결과": text} for voc, text in first.results.items()}
    assert set(shown) == set(cells)
    assert resolved(shown).results == {}


def test_empty_month_resolves_to_nothing() -> None:
    """No rows give an empty snapshot with its columns and dtypes."""
    tagged = pd.DataFrame(columns=list(TAGGED))
    resolution = resolve(pd.DataFrame(columns=[*SHEET, "sheet_row"]), taxonomy(), tagged)
    assert tuple(resolution.snapshot.columns) == SNAPSHOT
    assert resolution.snapshot["is_sample"].dtype == bool
    assert resolution.counts["rows"] == 0
