"""Chart geometry against places computed by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voc_worker.pages import charts
from voc_worker.pages.plot import Scale, grid, path, percent, pixels, ticks


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        (0, (0.0, 1.0)),
        (1, (0.0, 0.5, 1.0)),
        (21, (0.0, 10.0, 20.0, 30.0)),
        (20, (0.0, 5.0, 10.0, 15.0, 20.0)),
        (312, (0.0, 100.0, 200.0, 300.0, 400.0)),
        (0.03, (0.0, 0.01, 0.02, 0.03)),
    ],
)
def test_ticks_are_round(highest: float, expected: tuple[float, ...]) -> None:
    """Ticks are multiples of 1, 2 or 5 times a power of ten."""
    assert ticks(highest) == expected


@given(st.floats(1e-3, 1e7))
def test_ticks_cover_the_highest_value_with_few_steps(highest: float) -> None:
    """The last tick reaches the value, and no more than five steps lead there."""
    marks = ticks(highest)
    assert marks[-1] >= highest * (1 - 1e-6)
    assert len(marks) <= 6


def test_lengths_are_short() -> None:
    """Percentages have at most two decimals and pixels one."""
    assert [percent(0.125), percent(1 / 3), percent(1)] == ["12.5%", "33.33%", "100%"]
    assert [pixels(10), pixels(1 / 3)] == ["10", "0.3"]


def test_scale_grows_upwards_and_clips() -> None:
    """The highest value lies at the top, and a value outside stays on the edge."""
    rows = Scale(0, 10, 100, offset=8)
    assert [rows.y(0), rows.y(5), rows.y(10), rows.y(12), rows.y(-1)] == ["108", "58", "8", "8", "108"]
    assert Scale(5, 5).x(5) == "0%"


def test_grid_labels_stand_at_their_lines() -> None:
    """Every tick has a line over the whole width and a label at its height."""
    lines, labels = grid((0, 10), Scale(0, 10, 100))
    assert [(line.x1, line.x2, line.y1) for line in lines] == [("0%", "100%", "100"), ("0%", "100%", "0")]
    assert [(label.text, label.y) for label in labels] == [("0", "100"), ("10", "0")]


def test_path_joins_neighbours() -> None:
    """Three points make two strokes, one point none."""
    assert len(path([("0%", "1"), ("5%", "2"), ("9%", "3")], "line")) == 2
    assert path([("0%", "1")], "line") == ()


def test_daily_bars_stand_on_the_ground() -> None:
    """A bar's height is its share of the axis, and its weekday's usual count is marked over it."""
    plot = charts.daily([10, 20], [15.0, None], [False, True], ["a", "b"])
    assert plot.axis[-1].text == "20"
    low, high = plot.rects
    assert (high.y, high.height, high.kind) == ("8", "170", "bar off")
    assert (low.y, low.height, low.kind) == ("93", "85", "bar")
    assert [line.kind for line in plot.over] == ["halo", "usual"]
    assert plot.over[1].y1 == "50.5"
    assert [label.text for label in plot.labels] == ["1"]


def test_stacked_parts_follow_each_other() -> None:
    """Parts are as wide as their values against the longest bar, and the mark to compare with lies where it says."""
    parts = [charts.Segment(20, 0, "a"), charts.Segment(10, 5, "b")]
    plot = charts.stacked(parts, 40, ghost=40)
    assert [(rect.x, rect.width, rect.kind) for rect in plot.rects] == [
        ("0%", "50%", "part p0"),
        ("50%", "25%", "part p5"),
    ]
    assert {line.x1 for line in plot.over} == {"100%"}
    assert charts.stacked(parts, 40).over == ()


def test_interval_spans_low_to_high() -> None:
    """The stroke runs from low to high and the dot lies on the median."""
    plot = charts.interval(10, 20, 40, 40)
    assert (plot.lines[0].x1, plot.lines[0].x2, plot.dots[0].x) == ("25%", "100%", "50%")


def test_spark_lifts_the_pen_over_gaps() -> None:
    """An unknown month interrupts the path instead of falling to zero."""
    spark = charts.spark([10, None, 5, 10])
    assert spark.d == "M0 1M2 10L3 1"
    assert spark.width == 3
    assert charts.spark([]).d == ""


def test_series_keeps_gaps_and_thins_labels() -> None:
    """Known points are joined only with their neighbours, and a long axis is labelled now and then."""
    points = [charts.Point(str(n), None if n == 1 else 0.5) for n in range(13)]
    plot = charts.series([points], high=1.0, form="{:.0%}")
    assert len(plot.dots) == 12
    assert len([line for line in plot.lines if line.kind == "line l0"]) == 10
    assert [label.text for label in plot.labels] == ["0", "3", "6", "9", "12"]
    assert [label.text for label in plot.axis] == ["0%", "25%", "50%", "75%", "100%"]


def test_shares_label_every_class() -> None:
    """Each class has its name below and its value above; all zero is no division by zero."""
    plot = charts.shares([0, 0], ["a", "b"], ["0", "0"], ["bar", "low"])
    assert [label.text for label in plot.labels] == ["a", "0", "b", "0"]
    assert {rect.height for rect in plot.rects} == {"0"}


def test_funnel_draws_outliers_last_and_larger() -> None:
    """A building outside the limits lies on top of the others, and both limits and the centre are drawn."""
    points = [charts.FunnelPoint(100, 0.2, "out", outside=True), charts.FunnelPoint(50, 0.9, "in", outside=False)]
    plot = charts.funnel(points, [(10, 0.5, 1.0), (100, 0.8, 1.0)], 0.9)
    assert [(dot.title, dot.kind) for dot in plot.dots] == [("in", "dot in"), ("out", "dot out")]
    assert [line.kind for line in plot.lines].count("limit") == 2
    assert [line.kind for line in plot.lines].count("centre") == 1
