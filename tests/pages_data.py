"""A made-up month for the tests of the pages: rows, and measures that say the same as the rows."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Final

import pandas as pd

from voc_models.labels import Label
from voc_models.months import Month
from voc_worker import columns
from voc_worker.measures import model as m

MONTH: Final = Month(2025, 12)
RUN_ID: Final = "full_20260101_020000_ab12c"
_SUBJECTS: Final = (
    (
        Label("설비", "냉난방"),
        24,
        ("사무실이 너무 춥습니다", "천장형 냉난방기에서 더운 바람만 나옵니다", "히터가 저절로 꺼집니다"),
    ),
    (
        Label("환경", "청결/미화"),
        19,
        ("화장실 휴지가 떨어졌어요", "탕비실 싱크대 냄새가 심합니다", "복도 얼룩 청소 부탁드립니다"),
    ),
    (Label("설비", "누수"), 13, ("천장에서 물이 떨어집니다", "배관에서 물이 새고 있습니다")),
    (Label("주차", "주차장 이용"), 12, ("방문 차량 등록이 되지 않습니다", "주차 차단기가 열리지 않아요")),
    (Label("승강기", "고장/점검"), 9, ("엘리베이터가 층마다 섭니다", "승강기 문이 늦게 닫힙니다")),
    (Label("전기", "조명"), 8, ("복도 조명이 깜빡입니다", "회의실 등 하나가 나갔습니다")),
    (Label("보안", "출입"), 6, ("출입 카드가 인식되지 않습니다",)),
    (Label("소음", "층간/공사"), 5, ("공사 소음 때문에 통화가 어렵습니다",)),
    (Label("기타", "기타"), 4, ("문의드립니다",)),
)
_WORKS: Final = (
    Label("보수", "수리"),
    Label("보수", "교체"),
    Label("관리", "청소"),
    Label("관리", "점검"),
    Label("안내", "문의 답변"),
    Label("안내", "절차 설명"),
    Label("기타", "기타"),
)
_PLACES: Final = ("B2", "B1", "1층", "3층", "7층", "12층", "로비", "주차장", "옥상")
_SAID: Final = (
    "냉난방기 화장실 주차장 누수 엘리베이터 조명 탕비실 청소 온도 천장 차단기 배관 복도 출입카드 회의실 소음 "
    "휴지 냄새 점검 방문차량 히터 공사 싱크대 카펫 환기 정수기 창문 블라인드 콘센트 방역 택배 로비 세면대 필터 "
    "누전 방화문 비상등 우산꽂이 재활용 음식물"
)
_WORDS: Final = _SAID.split()


def rows(number: int = 312, *, seed: int = 1, building_id: str = "95") -> pd.DataFrame:
    """Return a month of reviewed rows with the columns of ``columns.REVIEWED``."""
    rnd = random.Random(seed)  # noqa: S311 - made-up rows, not secrets
    start = MONTH.bounds().start
    weights = [weight for _, weight, _ in _SUBJECTS]
    records = []
    for index in range(number):
        subject, _, texts = rnd.choices(_SUBJECTS, weights)[0]
        work = rnd.choices(_WORKS, (30, 14, 20, 12, 9, 5, 3))[0]
        day = rnd.choices(range(31), [2 if (start + timedelta(days=d)).weekday() >= 5 else 10 for d in range(31)])[0]
        created = start + timedelta(days=day, hours=min(23, max(0, rnd.gauss(12, 3.6))))
        confidence = round(min(0.99, max(0.3, rnd.gauss(0.85, 0.15))), 3)
        text = rnd.choice(texts)
        reviewed = rnd.random() < 0.35
        records.append(
            {
                "voc_id": str(100_000 + index),
                "building_id": building_id,
                "building_name": "한빛타워",
                "created_at": created,
                "replied_at": created + timedelta(hours=rnd.expovariate(1 / 3)),
                "completed_at": pd.NaT if rnd.random() < 0.06 else created + timedelta(hours=rnd.expovariate(1 / 11)),
                "title": text[:14],
                "request_contents": f"{rnd.choice(_PLACES)} {text}. {rnd.choice(texts)}. 확인 바랍니다. 010-1234-5678",
                "reply": "조치하였습니다.",
                "subject_major": subject.major,
                "subject_minor": subject.minor,
                "work_major": work.major,
                "work_minor": work.minor,
                "subject_confidence": confidence,
                "work_confidence": min(0.99, confidence + 0.02),
                "classify_source": "batch",
                "model_version": "20251220",
                "run_id": RUN_ID,
                "is_sample": rnd.random() < 0.05,
                "duplicate_group": "",
                "tagged_subject_major": subject.major,
                "tagged_subject_minor": subject.minor,
                "tagged_work_major": work.major,
                "tagged_work_minor": work.minor,
                "subject_reviewed": reviewed,
                "work_reviewed": reviewed,
                "reviewer": "김검수" if reviewed else "",
            }
        )
    return pd.DataFrame(records, columns=list(columns.REVIEWED))


def empty_measures() -> m.BuildingMeasures:
    """Return what is said about a month without any VOC."""
    kpis = tuple(
        m.Kpi(
            key, unit, 0.0 if key == "voc_count" else None, 0, missing=None if key == "voc_count" else m.Missing.NO_ROWS
        )
        for key, unit in m.KPI_UNITS.items()
    )
    return m.BuildingMeasures(
        month=MONTH, building_id="95", building_name="한빛타워", rows=0, model_versions=(), run_id=RUN_ID, kpis=kpis,
        subjects=(), works=(), daily=(), weekday_averages=(), hours=(), trend=(), trends=m.Trends(m.Comparability.NONE),
        repeats=(), slowest=(), places=(), confidence=(), review=m.ReviewState(0, 0, 0, 0, 0, 0),
    )  # fmt: skip


def measures(frame: pd.DataFrame) -> m.BuildingMeasures:
    """Return measures of ``frame``: counts are its own, the past is made up."""
    return m.BuildingMeasures(
        month=MONTH,
        building_id=str(frame["building_id"].iloc[0]),
        building_name=str(frame["building_name"].iloc[0]),
        rows=len(frame),
        model_versions=("20251220",),
        run_id=RUN_ID,
        kpis=_kpis(frame),
        subjects=_subjects(frame),
        works=_counts(frame, "work"),
        daily=_daily(frame),
        weekday_averages=tuple(float(day) for day in (12, 11, 12, 10, 11, 3, 2)),
        hours=_hours(frame),
        trend=tuple(
            m.MonthPoint(MONTH.plus(step), None if step == -9 else 230 + 7 * (step % 5) if step else len(frame))
            for step in range(-12, 1)
        ),
        trends=_trends(frame),
        repeats=_repeats(frame),
        slowest=(
            m.SlowSubject(Label("설비", "누수"), 38, 31.5, 22.0, 44.8, 3),
            m.SlowSubject(Label("승강기", "고장/점검"), 26, 17.2, 9.1, 30.5, 0),
            m.SlowSubject(Label("전기", "조명"), 24, 9.9, 6.2, 15.0, 1),
            m.SlowSubject(Label("설비", "냉난방"), 70, 7.4, 6.1, 9.0, 4),
        ),
        places=tuple(
            m.PlaceCount(place, "floor" if "층" in place else "zone", 31 - 3 * index, Label("설비", "냉난방"), 9, 20)
            for index, place in enumerate(_PLACES[:7])
        ),
        confidence=_bands(frame),
        review=m.ReviewState(len(frame), int(frame["subject_reviewed"].sum()), 8, 5, int(frame["is_sample"].sum()), 6),
        keywords=m.KeywordSummary(
            tuple((word, round(62 / (1 + index * 0.16))) for index, word in enumerate(_WORDS)),
            tuple(
                m.SubjectKeywords(label, tuple((word, 20 - 2 * n) for n, word in enumerate(_WORDS[4 * i : 4 * i + 7])))
                for i, (label, _, _) in enumerate(_SUBJECTS[:6])
            ),
        ),
    )


def _counts(frame: pd.DataFrame, head: str) -> tuple[m.LabelCount, ...]:
    counted = Counter(Label(a, b) for a, b in zip(frame[f"{head}_major"], frame[f"{head}_minor"], strict=True))
    return tuple(m.LabelCount(label, n) for label, n in sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _subjects(frame: pd.DataFrame) -> tuple[m.ParetoItem, ...]:
    items, together = [], 0
    for number, counted in enumerate(_counts(frame, "subject")):
        together += counted.count
        inside = frame[
            (frame["subject_major"] == counted.label.major) & (frame["subject_minor"] == counted.label.minor)
        ]
        items.append(
            m.ParetoItem(
                label=counted.label,
                count=counted.count,
                share=counted.count / len(frame),
                cumulative=together / len(frame),
                work=_counts(inside, "work"),
                previous=counted.count - 3,
                last_year=max(0, counted.count + (-1) ** number * 6),
            )
        )
    return tuple(items)


def _kpis(frame: pd.DataFrame) -> tuple[m.Kpi, ...]:
    taken = (frame["completed_at"] - frame["created_at"]).dt.total_seconds() / 3600
    replied = (frame["replied_at"] - frame["created_at"]).dt.total_seconds() / 3600
    n = len(frame)
    return (
        m.Kpi("voc_count", "count", float(n), n, 264.0, 290.0, 251.0),
        m.Kpi("completion_rate", "share", float(taken.notna().mean()), n, 0.955, 0.93, 0.95),
        m.Kpi("median_hours_first_reply", "hours", float(replied.median()), n, 2.4, 3.3, 2.1),
        m.Kpi("median_hours_completion", "hours", float(taken.median()), int(taken.notna().sum()), 6.9, 9.2, 8.4),
        m.Kpi("repeat_rate", "share", 0.113, 204, 0.081, None, 0.09),
        m.Kpi("reviewed_share", "share", float(frame["subject_reviewed"].mean()), n, 1.0, 1.0, 0.41),
    )


def _daily(frame: pd.DataFrame) -> tuple[m.DayCount, ...]:
    counted = Counter(moment.date() for moment in frame["created_at"])
    days = [(MONTH.bounds().start + timedelta(days=step)).date() for step in range(31)]
    of_weekday = {w: [counted[day] for day in days if day.weekday() == w] for w in range(7)}
    return tuple(
        m.DayCount(day, day.weekday(), counted[day], sum(of_weekday[day.weekday()]) / len(of_weekday[day.weekday()]))
        for day in days
    )


def _hours(frame: pd.DataFrame) -> tuple[tuple[int, ...], ...]:
    counted = Counter((moment.weekday(), moment.hour) for moment in frame["created_at"])
    return tuple(tuple(counted[weekday, hour] for hour in range(24)) for weekday in range(7))


def _ids(frame: pd.DataFrame, label: Label) -> tuple[str, ...]:
    chosen = frame[(frame["subject_major"] == label.major) & (frame["subject_minor"] == label.minor)]
    return tuple(chosen.sort_values("created_at")["voc_id"])


def _trends(frame: pd.DataFrame) -> m.Trends:
    leak, noise = _ids(frame, Label("설비", "누수")), _ids(frame, Label("소음", "층간/공사"))
    used = tuple(MONTH.plus(step) for step in range(-8, 0))
    left = (MONTH.plus(-10), MONTH.plus(-9))
    rising = []
    if leak:
        rising.append(
            m.RisingTopic(Label("설비", "누수"), len(leak), len(leak) / 2.6, 2.6, 0.00002, 0.0002, False, leak)
        )
    if noise:
        rising.append(m.RisingTopic(Label("소음", "층간/공사"), len(noise), 1.1, None, 0.004, 0.018, True, noise))
    return m.Trends(m.Comparability.RESTRICTED, used, left, 21, tuple(rising))


def _repeats(frame: pd.DataFrame) -> tuple[m.RepeatComplaint, ...]:
    leak = frame[frame["subject_minor"] == "누수"].sort_values("created_at").head(4)
    cold = frame[frame["subject_minor"] == "냉난방"].sort_values("created_at").head(3)
    return tuple(
        m.RepeatComplaint(
            place,
            Label(part["subject_major"].iloc[0], part["subject_minor"].iloc[0]),
            tuple(m.Occurrence(row["voc_id"], row["created_at"]) for row in part.to_dict("records")),
        )
        for place, part in (("B2", leak), ("7층", cold))
        if len(part) > 1
    )


def _bands(frame: pd.DataFrame) -> tuple[m.ConfidenceBand, ...]:
    least = frame[["subject_confidence", "work_confidence"]].min(axis=1)
    edges = (0.0, 0.5, 0.7, 0.9, 1.01)
    return tuple(
        m.ConfidenceBand(
            low,
            min(high, 1.0),
            int(((least >= low) & (least < high)).sum()),
            int(((least >= low) & (least < high) & frame["subject_reviewed"]).sum()),
        )
        for low, high in pairwise(edges)
    )
