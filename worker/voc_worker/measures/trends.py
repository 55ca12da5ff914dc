"""New and rising topics: a building's month against what its own past lets one expect."""

from __future__ import annotations

import calendar
from collections import Counter
from typing import TYPE_CHECKING, Final

from voc_models.labels import OTHER
from voc_worker.measures.model import Comparability, RisingTopic, Trends
from voc_worker.measures.rows import machine_labels
from voc_worker.measures.statistics import adjusted, between_months, forecast

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from voc_models.labels import Label
    from voc_models.months import Month
    from voc_worker.measures.rows import PastMonth

#: Fewer months tell nothing about how much a topic varies by itself.
MIN_MONTHS: Final = 3
#: Topics are named at a false discovery rate of 5 %, and only when a person would see it too.
FALSE_DISCOVERIES: Final = 0.05
MIN_COUNT: Final = 3
MIN_RATIO: Final = 1.3


def find_trends(month: Month, rows: pd.DataFrame, history: Sequence[PastMonth], taxonomy: str = "") -> Trends:
    """Return the subjects that this month has more often than its past explains.

    Compared are the machine's labels on both sides, reviewed or not: reviews would move counts that tenants did not.
    For the same reason a past month counts only when the same model release, and as far as known the same taxonomy,
    tagged all its rows. Every subject seen in any of these months is tested, one-sided, against a negative binomial
    forecast (:func:`forecast`) whose variation between months is the greater of the topic's own, which knows its
    seasons, and that of all topics together; the p-values are adjusted for their number.
    """
    used = [past for past in history if _comparable(past, rows, taxonomy)]
    left_out = tuple(sorted(past.month for past in history if past not in used and len(past.rows)))
    if len(used) < MIN_MONTHS or rows.empty:
        return Trends(Comparability.NONE, months_left_out=left_out)
    counts = Counter(machine_labels(rows, "subject"))
    past_counts = [Counter(machine_labels(past.rows, "subject")) for past in used]
    days = [_days(past.month) for past in used]
    topics = sorted({label for counter in (counts, *past_counts) for label in counter} - {OTHER})
    series = {label: [counter[label] for counter in past_counts] for label in topics}
    pooled = between_months(list(series.values()), days)
    forecasts = {
        label: forecast(past, days, _days(month), max(pooled, between_months([past], days)))
        for label, past in series.items()
    }
    p_values = [forecasts[label].tail(counts[label]) for label in topics]
    rising = [
        RisingTopic(
            label=label,
            count=counts[label],
            expected=(expected := sum(series[label]) / sum(days) * _days(month)),
            ratio=counts[label] / expected if expected else None,
            p_value=p_value,
            q_value=q_value,
            new=not expected,
            voc_ids=_behind(rows, label),
        )
        for label, p_value, q_value in zip(topics, p_values, adjusted(p_values), strict=True)
        if q_value <= FALSE_DISCOVERIES and counts[label] >= MIN_COUNT
    ]
    noticed = [topic for topic in rising if topic.ratio is None or topic.ratio >= MIN_RATIO]
    return Trends(
        comparability=Comparability.RESTRICTED if left_out else Comparability.SAME_MODEL,
        months_used=tuple(sorted(past.month for past in used)),
        months_left_out=left_out,
        topics_tested=len(topics),
        rising=tuple(sorted(noticed, key=lambda topic: (topic.q_value, -topic.count, topic.label))),
    )


def _comparable(past: PastMonth, rows: pd.DataFrame, taxonomy: str) -> bool:
    """Whether one model release tagged both months, under one taxonomy as far as that is known.

    A month in which nothing was received has no model; it counts, as a month of zeros.
    """
    models = set(past.rows["model_version"]) | set(rows["model_version"])
    return len(models) <= 1 and (not taxonomy or not past.taxonomy or past.taxonomy == taxonomy)


def _behind(rows: pd.DataFrame, label: Label) -> tuple[str, ...]:
    chosen = rows[[found == label for found in machine_labels(rows, "subject")]]
    return tuple(chosen.sort_values(["created_at", "voc_id"])["voc_id"])


def _days(month: Month) -> int:
    return calendar.monthrange(month.year, month.month)[1]
