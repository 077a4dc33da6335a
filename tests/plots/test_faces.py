"""Pictures of faces and grouped bars: what is drawn, and what the text says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from fer_nb import plots

FRAME = np.zeros((40, 40, 3), np.uint8)
POINTS = np.array([[5.0, 6.0, 1.0], [20.0, 21.0, 0.0], [30.0, 8.0, -1.0]])


def test_landmarks_are_drawn_where_they_are() -> None:
    figure = plots.landmarks(FRAME, POINTS, title="Three")
    (ax,) = figure.fig.axes
    (dots,) = ax.collections
    np.testing.assert_array_equal(dots.get_offsets(), POINTS[:, :2])
    assert figure.alt == "A face with 3 landmarks drawn on it as dots." and ax.get_title() == "Three"
    assert not ax.axison and len(ax.images) == 1


def test_truth_is_drawn_as_rings_around_the_dots() -> None:
    figure = plots.landmarks(FRAME, POINTS[:, :2], truth=POINTS + 1)
    rings, dots = figure.fig.axes[0].collections
    np.testing.assert_array_equal(rings.get_offsets(), POINTS[:, :2] + 1)
    assert len(rings.get_facecolor()) == 0, "hollow, so that both are seen without color"
    assert dots.get_sizes()[0] < rings.get_sizes()[0]
    assert "where they truly are as rings" in figure.alt


def test_gray_pictures_and_an_own_text() -> None:
    figure = plots.landmarks(FRAME[..., 0], POINTS, alt="A calm face.")
    assert figure.alt == "A calm face." and figure.png(dpi=40)


def test_bars_stand_side_by_side_and_do_not_depend_on_color() -> None:
    series = {"clean": [0.9, 0.8, 0.7], "attacked": [0.1, 0.2, 0.3]}
    figure = plots.grouped_bars(["a", "b", "c"], series, ylabel="accuracy", title="Two")
    (ax,) = figure.fig.axes
    assert [patch.get_height() for patch in ax.patches] == [0.9, 0.8, 0.7, 0.1, 0.2, 0.3]
    edges = sorted((patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches)
    assert all(one[1] <= two[0] + 1e-9 for one, two in pairwise(edges)), "no overlap"
    hatches = [patch.get_hatch() for patch in ax.patches]
    assert len(set(hatches)) == 2 and hatches[0] != hatches[3]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["clean", "attacked"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "c"]
    assert figure.alt == "Bars of accuracy. clean: a 0.90, b 0.80, c 0.70. attacked: a 0.10, b 0.20, c 0.30."


@pytest.mark.parametrize(("values", "top"), [([0.2, 0.4], 1.0), ([0.2, 3.0], 3.15)])
def test_bars_begin_at_zero_and_fit(values: list[float], top: float) -> None:
    figure = plots.grouped_bars(["a", "b"], {"x": values})
    assert figure.fig.axes[0].get_ylim() == pytest.approx((0, top))  # room above what exceeds one
    assert figure.alt.startswith("Bars of values. x: a 0.20")


def test_bars_leave_a_gap_where_there_is_no_value() -> None:
    figure = plots.grouped_bars(["a", "b"], {"x": [0.2, float("nan")], "y": [0.4, 0.3]})
    assert figure.alt == "Bars of values. x: a 0.20. y: a 0.40, b 0.30."
    assert figure.fig.axes[0].get_ylim() == pytest.approx((0, 1.0)) and figure.png(dpi=40)
