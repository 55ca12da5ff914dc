"""How many requests of which size a large month takes, counted at the server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.integration.fixtures_sheets import MONTH, Desk, desk
from tests.unit.fixtures_review import tagged_frame, taxonomy
from voc_worker.review.book import UploadReport
from voc_worker.review.rows import sheet_rows

LARGEST = 2_000_000
SENTENCE = "지하 주차장 입구 쪽 조명이 깜빡거려서 밤에 너무 어둡습니다. 확인 부탁드립니다. "


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk whose spreadsheet the tests of this module fill one after another."""
    with desk(Path(tmp_path_factory.mktemp("numbers"))) as made:
        yield made


def month(count: int) -> pd.DataFrame:
    """Return an upload of ``count`` rows with about 200 Korean characters of text each."""
    tagged = tagged_frame(count)
    tagged["voc_id"] = [str(4_000_000 + number) for number in range(count)]
    tagged["request_contents"] = [SENTENCE * (1 + number % 5) for number in range(count)]
    tagged["duplicate_group"] = [hashlib.sha256(str(number % 99).encode()).hexdigest()[:8] for number in range(count)]
    return sheet_rows(tagged)


def asked(at: Desk) -> list[int]:
    """Return the sizes in bytes of the requests since the last call."""
    sizes = [entry.size for entry in at.server.asked]
    at.server.state.log.clear()
    return sizes


@pytest.mark.timeout(280)
def test_thirty_thousand_rows_fit_few_requests(at: Desk) -> None:
    """30,000 rows go up in at most 20 requests of 2 MB, 1 % more in at most 5, and come back in at most 3."""
    assert at.book().upload(MONTH, month(30_000), taxonomy()) == UploadReport(30_000, 0, 0)
    first = asked(at)
    assert len(first) <= 20
    assert max(first) <= LARGEST
    more = month(30_300)
    assert at.book().upload(MONTH, more, taxonomy()) == UploadReport(300, 0, 0)
    second = asked(at)
    assert len(second) <= 5
    assert max(second) <= LARGEST
    read = at.book().read(MONTH)
    assert len(asked(at)) <= 3
    assert set(read["voc_id"]) == set(more["voc_id"])
    assert len(read) == 30_300


@pytest.mark.timeout(280)
def test_a_whole_months_change_fits_large_requests(at: Desk) -> None:
    """Another model's labels and an answer for every row are written in requests of 2 MB, each row its own."""
    changed = month(30_300)
    changed["주제 중분류"] = "전기/조명"
    at.book().upload(MONTH, changed, taxonomy())
    assert max(asked(at)) <= LARGEST
    at.book().write_results(MONTH, {key: f"{key}: 반영했습니다" for key in changed["voc_id"]})
    assert max(asked(at)) <= LARGEST
    read = at.book().read(MONTH)
    assert set(read["주제 중분류"]) == {"전기/조명"}
    assert list(read["처리결과"]) == [f"{key}: 반영했습니다" for key in read["voc_id"]]
