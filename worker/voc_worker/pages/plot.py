"""Chart geometry: numbers in, marks out; one template macro draws every plot from the same four kinds of mark.

Horizontal places are percentages of the plot's width and vertical places are CSS pixels, so that a plot fills a phone
and a desktop alike while its text keeps its size. Colours are classes: the stylesheet decides them for light, dark and
print.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


def percent(share: float) -> str:
    """Return a share in [0, 1] as an SVG length, e.g. ``12.5%``; the shortest form, so that pages stay small."""
    return f"{round(share * 100, 2):g}%"


def pixels(value: float) -> str:
    """Return a length in pixels with at most one decimal."""
    return f"{round(value, 1):g}"


@dataclass(frozen=True, slots=True)
class Rect:
    """A bar or cell; ``title`` is what a mouse sees on it."""

    x: str
    y: str
    width: str
    height: str
    kind: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight stroke."""

    x1: str
    y1: str
    x2: str
    y2: str
    kind: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of radius ``r`` pixels."""

    x: str
    y: str
    r: str
    kind: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A text of the page's own size; ``kind`` also says on which side of x it stands."""

    x: str
    y: str
    text: str
    kind: str = "mid"


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing ``height`` pixels tall: ``lines`` behind its bars, ``over`` before them, ``axis`` at its left."""

    height: int
    rects: tuple[Rect, ...] = ()
    lines: tuple[Line, ...] = ()
    over: tuple[Line, ...] = ()
    dots: tuple[Dot, ...] = ()
    labels: tuple[Label, ...] = ()
    axis: tuple[Label, ...] = ()


def ticks(highest: float, about: int = 4) -> tuple[float, ...]:
    """Return round tick values from 0 up to at least ``highest``, steps of 1, 2 or 5 times a power of ten."""
    if highest <= 0:
        return (0.0, 1.0)
    rough = highest / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    count = math.ceil(highest / step - 1e-9)
    return tuple(round(step * index, 10) for index in range(count + 1))


class Scale:
    """Maps a value in [low, high] to a share of the width or to a pixel row (0 is the top)."""

    def __init__(self, low: float, high: float, size: float = 1.0, *, offset: float = 0.0) -> None:
        self._low, self._span, self._size, self._offset = low, (high - low) or 1.0, size, offset

    def share(self, value: float) -> float:
        """Return where ``value`` lies, clipped to [0, 1]."""
        return min(1.0, max(0.0, (value - self._low) / self._span))

    def x(self, value: float) -> str:
        """Return the horizontal place as a percentage."""
        return percent(self.share(value))

    def y(self, value: float) -> str:
        """Return the vertical place in pixels, growing values upwards."""
        return pixels(self._offset + self._size * (1 - self.share(value)))


def grid(values: Sequence[float], rows: Scale, form: str = "{:g}") -> tuple[tuple[Line, ...], tuple[Label, ...]]:
    """Return a horizontal line for each tick and its label for the axis strip."""
    lines = tuple(Line("0%", rows.y(value), "100%", rows.y(value), "grid") for value in values)
    labels = tuple(Label("100%", rows.y(value), form.format(value), "tick") for value in values)
    return lines, labels


def path(points: Sequence[tuple[str, str]], kind: str) -> tuple[Line, ...]:
    """Join points by straight strokes (a polyline cannot hold percentages)."""
    return tuple(Line(*start, *end, kind) for start, end in pairwise(points))
