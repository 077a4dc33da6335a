"""The reliability diagram: what is drawn, what its text says."""

from __future__ import annotations

import numpy as np

from fer_nb import plots

NONE = np.nan
BEFORE = np.array([NONE, 0.5, 0.95]), np.array([NONE, 0.4, 0.7]), np.array([0, 5, 20])
AFTER = np.array([0.3, 0.5, NONE]), np.array([0.3, 0.5, NONE]), np.array([10, 15, 0])


def test_empty_bins_are_left_out_and_series_differ_by_more_than_color() -> None:
    figure = plots.reliability({"before": BEFORE, "after": AFTER})
    top, low = figure.fig.axes
    first, second = top.collections
    np.testing.assert_allclose(first.get_offsets(), [[0.5, 0.4], [0.95, 0.7]])
    assert first.get_sizes()[1] > first.get_sizes()[0]
    assert not first.get_clip_on(), "marks at the edge are drawn whole"
    assert {line.get_marker() for line in low.lines} == {"o", "s"}
    assert len(second.get_paths()[0].vertices) != len(first.get_paths()[0].vertices)


def test_the_text_says_the_course() -> None:
    alt = plots.reliability({"before": BEFORE}).alt
    assert (
        alt == "Reliability diagram. before: right in 40 % of the answers at confidence 0.50, 70 % at 0.95."
    )
    assert plots.reliability({"before": BEFORE}, alt="Mine.").alt == "Mine."
