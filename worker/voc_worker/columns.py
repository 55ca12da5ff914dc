"""Column names: inside the code (English), in CSV files and in the review sheet (Korean), each said once."""

from __future__ import annotations

from typing import Final

TEXT: Final = ("title", "request_contents", "reply")
TIMES: Final = ("created_at", "replied_at", "completed_at")
LABELS: Final = ("subject_major", "subject_minor", "work_major", "work_minor")
CONFIDENCES: Final = ("subject_confidence", "work_confidence")

#: What ``postgres`` yields: ids and text as str (never missing), times as datetime64 in Asia/Seoul (may be NaT).
SOURCE: Final = ("voc_id", "building_id", "building_name", *TIMES, *TEXT)

#: A tagged row. Confidences are float in [0, 1] or NaN, ``is_sample`` is bool; ``duplicate_group`` is "" for a row
#: whose text no other row has.
TAGGED: Final = (
    *SOURCE,
    *LABELS,
    *CONFIDENCES,
    "classify_source",
    "model_version",
    "run_id",
    "is_sample",
    "duplicate_group",
)

#: A reviewed row: LABELS hold the final pair, the ``tagged_`` columns what the machine had said.
REVIEWED: Final = (
    *TAGGED,
    "tagged_subject_major",
    "tagged_subject_minor",
    "tagged_work_major",
    "tagged_work_minor",
    "subject_reviewed",
    "work_reviewed",
    "reviewer",
)

#: Headers of the CSV files, which people open in Excel.
CSV_HEADERS: Final[dict[str, str]] = {
    "voc_id": "voc_id",
    "building_id": "building_id",
    "building_name": "building_name",
    "created_at": "접수일시",
    "replied_at": "답변일시",
    "completed_at": "완료일시",
    "title": "title",
    "request_contents": "request_contents",
    "reply": "reply",
    "subject_major": "주제 대분류",
    "subject_minor": "주제 중분류",
    "work_major": "작업유형 대분류",
    "work_minor": "작업유형 중분류",
    "subject_confidence": "주제 신뢰도",
    "work_confidence": "작업유형 신뢰도",
    "classify_source": "분류출처",
    "model_version": "모델버전",
    "run_id": "run_id",
    "is_sample": "표본",
    "duplicate_group": "중복군",
    "tagged_subject_major": "자동 주제 대분류",
    "tagged_subject_minor": "자동 주제 중분류",
    "tagged_work_major": "자동 작업유형 대분류",
    "tagged_work_minor": "자동 작업유형 중분류",
    "subject_reviewed": "주제 검수",
    "work_reviewed": "작업유형 검수",
    "reviewer": "검수자",
}

#: The review sheet's columns in their order (design, section 3.5).
SHEET: Final = (
    "voc_id",
    "building_id",
    "building_name",
    "접수일시",
    "title",
    "request_contents",
    "reply",
    "주제 대분류",
    "주제 중분류",
    "작업유형 대분류",
    "작업유형 중분류",
    "신뢰도",
    "표본",
    "중복군",
    "검수_주제 대분류",
    "검수_주제 중분류",
    "검수_작업유형 대분류",
    "검수_작업유형 중분류",
    "검수완료",
    "검수자",
    "비고",
    "처리결과",
)
#: People's cells; every other column is the machine's.
SHEET_PEOPLE: Final = SHEET[SHEET.index("검수_주제 대분류") : SHEET.index("처리결과")]
SHEET_MACHINE: Final = tuple(name for name in SHEET if name not in SHEET_PEOPLE)

#: ``{yyyymm}/reviews/{run_id}.csv``: what people decided, resolved once. English headers: it is for programs.
SNAPSHOT: Final = ("voc_id", "building_id", *LABELS, "is_sample", "reviewer", "note")
