"""The charts of the pages as geometry; what they say is decided by their callers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voc_worker.pages.plot import Dot, Label, Line, Plot, Rect, Scale, grid, path, percent, pixels, ticks

_TOP = 8
_FOOT = 22
#: Work types with a colour of their own; the rest share the last one.
COLOURS = 5


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a stacked bar, ``value`` in the bar's unit; ``colour`` is 0 to ``COLOURS``."""

    value: float
    colour: int
    title: str


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a series; ``value`` is None where nothing is known and the line is interrupted."""

    label: str
    value: float | None
    title: str = ""


def daily(counts: Sequence[int], usual: Sequence[float | None], off: Sequence[bool], titles: Sequence[str]) -> Plot:
    """Draw a bar a day with a mark at the usual count of its weekday; ``off`` says which days are weekends."""
    height = 200
    marks = ticks(max([*counts, *(value for value in usual if value is not None)], default=0))
    rows = Scale(0, marks[-1], height - _TOP - _FOOT, offset=_TOP)
    lines, axis = grid(marks, rows)
    step = 1 / max(1, len(counts))
    bars, strokes, labels = [], [], []
    for index, (count, average, weekend) in enumerate(zip(counts, usual, off, strict=True)):
        left = index * step
        top = float(rows.y(count))
        kind = "bar off" if weekend else "bar"
        rest = height - _FOOT - top
        bars.append(
            Rect(percent(left + step * 0.14), pixels(top), percent(step * 0.72), pixels(rest), kind, titles[index])
        )
        if average is not None:
            y = rows.y(average)
            ends = (percent(left + step * 0.04), y, percent(left + step * 0.96), y)
            strokes += [Line(*ends, "halo"), Line(*ends, "usual")]
        if index % 7 == 0:
            labels.append(Label(percent(left + step / 2), pixels(height - 6), str(index + 1)))
    return Plot(height, tuple(bars), lines, over=tuple(strokes), labels=tuple(labels), axis=axis)


def stacked(segments: Sequence[Segment], longest: float, *, ghost: float | None = None) -> Plot:
    """Draw one horizontal bar out of parts, as a part of ``longest``; ``ghost`` is a mark to compare with."""
    scale = Scale(0, longest)
    at, rects = 0.0, []
    for segment in segments:
        width = scale.share(segment.value)
        rects.append(Rect(percent(at), "2", percent(width), "14", f"part p{segment.colour}", segment.title))
        at += width
    if ghost is None:
        return Plot(18, tuple(rects))
    ends = (scale.x(ghost), "0", scale.x(ghost), "18")
    return Plot(18, tuple(rects), over=(Line(*ends, "halo"), Line(*ends, "ghost")))


def bar(value: float, longest: float, kind: str = "bar") -> Plot:
    """Draw one plain horizontal bar."""
    return Plot(18, (Rect("0%", "3", Scale(0, longest).x(value), "12", kind),))


def interval(low: float, middle: float, high: float, longest: float) -> Plot:
    """Draw an interval with its middle: the wider, the less is known."""
    scale = Scale(0, longest)
    stroke = Line(scale.x(low), "9", scale.x(high), "9", "range")
    return Plot(18, lines=(stroke,), dots=(Dot(scale.x(middle), "9", "4.5", "dot"),))


@dataclass(frozen=True, slots=True)
class Spark:
    """A tiny line: SVG path data in a box ``width`` by 20 units that is stretched, and where its last value lies."""

    width: int
    d: str
    last_y: float


def spark(values: Sequence[float | None], highest: float | None = None) -> Spark:
    """Draw a series as one path, which is a tenth of the bytes of bars; a gap stays a gap."""
    top = highest or max((value for value in values if value is not None), default=1) or 1
    parts, pen = [], "M"
    for index, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{index} {pixels(19 - 18 * value / top)}")
        pen = "L"
    last = values[-1] if values else None
    return Spark(max(1, len(values) - 1), "".join(parts), 19 - 18 * (last or 0) / top)


def series(
    lines_of: Sequence[Sequence[Point]],
    *,
    low: float = 0.0,
    high: float | None = None,
    form: str = "{:g}",
    height: int = 180,
) -> Plot:
    """Draw one or more lines over the same months (or sizes); a gap stays a gap."""
    values = [point.value for line in lines_of for point in line if point.value is not None]
    top = high if high is not None else ticks(max(values, default=1))[-1]
    marks = tuple(low + (top - low) * index / 4 for index in range(5))
    rows = Scale(low, top, height - _TOP - _FOOT, offset=_TOP)
    lines, axis = grid(marks, rows, form)
    strokes: list[Line] = list(lines)
    dots: list[Dot] = []
    labels: list[Label] = []
    for number, line in enumerate(lines_of):
        count = len(line)
        columns = [percent((index + 0.5) / count) for index in range(count)]
        run: list[tuple[str, str]] = []
        for point, x in zip(line, columns, strict=True):
            if point.value is None:
                strokes += path(run, f"line l{number}")
                run = []
                continue
            run.append((x, rows.y(point.value)))
            dots.append(Dot(x, rows.y(point.value), "3.5", f"dot l{number}", point.title))
        strokes += path(run, f"line l{number}")
        if number == 0:
            every = max(1, -(-count // 6))
            labels = [Label(columns[i], pixels(height - 6), line[i].label) for i in range(0, count, every)]
    return Plot(height, lines=tuple(strokes), dots=tuple(dots), labels=tuple(labels), axis=axis)


def shares(values: Sequence[float], labels_of: Sequence[str], titles: Sequence[str], kinds: Sequence[str]) -> Plot:
    """Draw a histogram: one bar a class, labelled below and with its value above."""
    height = 150
    highest = max(values, default=0) or 1
    rows = Scale(0, highest, height - 20 - _FOOT, offset=20)
    step = 1 / max(1, len(values))
    rects, labels = [], []
    for index, (value, text, title, kind) in enumerate(zip(values, labels_of, titles, kinds, strict=True)):
        left, top = index * step, float(rows.y(value))
        rects.append(
            Rect(
                percent(left + step * 0.1), pixels(top), percent(step * 0.8), pixels(height - _FOOT - top), kind, title
            )
        )
        labels.append(Label(percent(left + step / 2), pixels(height - 6), text))
        labels.append(Label(percent(left + step / 2), pixels(top - 5), title))
    return Plot(height, tuple(rects), labels=tuple(labels))


@dataclass(frozen=True, slots=True)
class FunnelPoint:
    """A building in the funnel: its size and rate; ``outside`` says that chance alone does not explain it."""

    size: float
    rate: float
    title: str
    outside: bool


def funnel(
    points: Sequence[FunnelPoint], limits: Sequence[tuple[float, float, float]], centre: float, form: str = "{:.0%}"
) -> Plot:
    """Draw rates against size between control limits; ``limits`` are (size, lower, upper) in order of size."""
    height = 260
    widest = max([*(point.size for point in points), *(size for size, _, _ in limits)], default=1) * 1.05
    tallest = max([*(point.rate for point in points), *(min(upper, centre * 4) for _, _, upper in limits), centre])
    marks = ticks(tallest)
    columns, rows = Scale(0, widest), Scale(0, marks[-1], height - _TOP - _FOOT, offset=_TOP)
    lines, axis = grid(marks, rows, form)
    curves = (
        *path([(columns.x(size), rows.y(low)) for size, low, _ in limits], "limit"),
        *path([(columns.x(size), rows.y(high)) for size, _, high in limits], "limit"),
        Line("0%", rows.y(centre), "100%", rows.y(centre), "centre"),
    )
    dots = tuple(
        Dot(columns.x(p.size), rows.y(p.rate), "6" if p.outside else "4", "dot out" if p.outside else "dot in", p.title)
        for p in sorted(points, key=lambda p: (p.outside, p.size, p.title))
    )
    labels = tuple(Label(columns.x(size), pixels(height - 6), f"{size:g}") for size in ticks(widest)[1:-1])
    return Plot(height, lines=(*lines, *curves), dots=dots, labels=labels, axis=axis)
