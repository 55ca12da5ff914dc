"""A made-up company and a made-up model for the tests of head office's pages."""

from __future__ import annotations

import math
import random
from typing import Final

from tests.pages_data import MONTH
from voc_models.labels import Label
from voc_worker.measures import fleet_model as f
from voc_worker.measures import model as m
from voc_worker.pages import model_report as r

_NAMES: Final = ("한빛타워", "가온빌딩", "누리센터", "다온스퀘어", "라온플라자", "마루오피스", "바름타워", "사랑채빌딩")


def fleet(buildings: int = 40, *, closed: int = 2) -> f.FleetMeasures:
    """Return measures of that many named buildings, one of them far outside the others."""
    rnd = random.Random(4)  # noqa: S311 - made-up rows, not secrets
    sizes = sorted((rnd.randint(20, 400) for _ in range(buildings)), reverse=True)
    rows = tuple(_row(rank, size, rnd) for rank, size in enumerate(sizes, 1))
    total = sum(sizes) + 31 * closed
    return f.FleetMeasures(
        month=MONTH,
        buildings=buildings + closed,
        closed_buildings=closed,
        rows=total,
        kpis=(
            m.Kpi("voc_count", "count", float(total), total, float(total * 9 // 10), None),
            m.Kpi("completion_rate", "share", 0.941, total, 0.95, 0.92),
            m.Kpi("median_hours_first_reply", "hours", 2.2, total, 2.4, 3.3),
            m.Kpi("median_hours_completion", "hours", 8.1, total, 8.0, 9.2),
            m.Kpi("repeat_rate", "share", None, 0, missing=m.Missing.NO_PLACES),
            m.Kpi("reviewed_share", "share", 0.4, total, 1.0, 1.0),
        ),
        ranking=rows,
        subjects=(
            m.LabelCount(Label("설비", "냉난방"), total // 2),
            m.LabelCount(Label("환경", "청결/미화"), total // 3),
        ),
        months=months(),
        funnels=(_funnel("count_ratio", rows, 1.0), _funnel("completion_rate", rows, 0.94)),
    )


def empty_fleet() -> f.FleetMeasures:
    """Return measures of a month in which no building had any VOC."""
    return f.FleetMeasures(
        month=MONTH, buildings=0, closed_buildings=0, rows=0, kpis=(), ranking=(), subjects=(), months=(), funnels=()
    )


def _row(rank: int, size: int, rnd: random.Random) -> f.FleetRow:
    odd = rank == 3
    series = tuple(None if step == 2 else max(1, round(size * rnd.uniform(0.8, 1.1))) for step in range(12))
    return f.FleetRow(
        rank=rank,
        building_id=str(90 + rank),
        building_name=f"{_NAMES[rank % len(_NAMES)]} {rank}",
        rows=size,
        previous=series[-1],
        last_year=None if rank % 5 == 0 else round(size * 0.9),
        completion_rate=0.7 if odd else round(rnd.uniform(0.9, 1.0), 3),
        median_hours_first_reply=round(rnd.uniform(1, 4), 1),
        median_hours_completion=round(rnd.uniform(4, 60), 1),
        repeat_rate=None if rank % 7 == 0 else round(rnd.uniform(0, 0.2), 3),
        reviewed_share=round(rnd.uniform(0, 1), 2),
        series=(*series, size),
        count_standing="very_high" if odd else "usual",
        completion_standing="very_low" if odd else "usual",
    )


def _funnel(metric: str, rows: tuple[f.FleetRow, ...], target: float) -> f.Funnel:
    points = tuple(
        f.FunnelPoint(
            row.building_id,
            row.building_name,
            float(row.rows),
            (2.1 if row.rank == 3 else 0.8 + row.rank % 5 / 10)
            if metric == "count_ratio"
            else row.completion_rate or 0,
            row.count_standing if metric == "count_ratio" else row.completion_standing,
        )
        for row in rows
    )
    limits = []
    for size in range(10, 421, 10):
        spread = math.sqrt((target if metric == "count_ratio" else target * (1 - target)) / size)
        low, high = target - 3.09 * spread, target + 3.09 * spread
        if metric == "completion_rate":
            high = min(1.0, high)
        limits.append(
            f.FunnelLimits(size, max(0.0, low), max(0.0, target - 1.96 * spread), target + 1.96 * spread, high)
        )
    return f.Funnel("count_ratio" if metric == "count_ratio" else "completion_rate", target, 1.4, points, tuple(limits))


def months() -> tuple[f.FleetMonth, ...]:
    """Return half a year of reviews, the first month of it without a reviewed 표본."""
    return tuple(
        f.FleetMonth(
            MONTH.plus(step),
            8000,
            8000 if step else 2600,
            _accuracy(0.70 + 0.03 * (step + 5)) if step > -5 else f.Accuracy(0, 0, None, None, None),
            _accuracy(0.64 + 0.03 * (step + 5)) if step > -5 else f.Accuracy(0, 0, None, None, None),
            ("keyword",) if step < -1 else ("20251220",),
        )
        for step in range(-5, 1)
    )


def _accuracy(value: float) -> f.Accuracy:
    return f.Accuracy(400, round(400 * value), value, value - 0.04, value + 0.04)


def model() -> r.ModelReport:
    """Return the report of a model with everything measured."""
    return r.ModelReport(
        release="20251220",
        heads=(_head("subject", 0.871), _head("work", 0.812)),
        months=months(),
        corrections=tuple(
            r.CorrectionMonth(MONTH.plus(step), 0 if step == -4 else 8000, 2000 + 300 * step, 2600 + 250 * step)
            for step in range(-5, 1)
        ),
        champions=(
            r.ChampionEntry("2025-11-20", "20251120", "train", "정확도가 4.1점 올랐습니다."),
            r.ChampionEntry("2025-12-20", "20251220", "김담당", "직접 올림 <b>확인</b>"),
        ),
    )


def _head(head: str, accuracy: float) -> r.HeadReport:
    return r.HeadReport(
        head="subject" if head == "subject" else "work",
        kind="blend",
        rows=1240,
        accuracy=accuracy,
        macro_f1=accuracy - 0.06,
        ece=0.021,
        ece_before=0.084,
        coverage=tuple(
            r.CoverageAt(at, 1 - (at - 0.5) * 0.9, min(1.0, accuracy + (at - 0.5) * 0.2))
            for at in (0.5, 0.6, 0.7, 0.8, 0.9)
        ),
        confusions=(r.ConfusedPair("설비_누수", "설비_냉난방", 21), r.ConfusedPair("환경_청결/미화", "기타_기타", 9)),
        learning=tuple(
            r.LearningPoint(f"{rows:,}", accuracy - 0.2 + 0.05 * step)
            for step, rows in enumerate((500, 1000, 2000, 4000))
        ),
    )
