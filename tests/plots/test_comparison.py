"""Intervals side by side and the map of winners: what is drawn, and what the text says."""

from __future__ import annotations

import numpy as np
import pytest

from fer_nb import plots
from fer_nb.errors import BadInput


def test_an_interval_for_each_label_from_top_to_bottom() -> None:
    figure = plots.intervals(
        ["a", "b", "c"], [1, 2, 3], [0, 1, 2], [2, 3, 4], groups=["x", "y", "x"], marks={"zero": 0.0}
    )
    (ax,) = figure.fig.axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first label is on top"
    markers = {line.get_marker() for line in ax.lines if line.get_marker() not in ("None", "|", None)}
    assert len(markers) == 2, "kinds differ by marker, not by color alone"
    assert "a 1 (0 to 2)" in figure.alt and "c 3 (2 to 4)" in figure.alt


def test_the_best_of_each_column_is_framed_and_starred() -> None:
    table = np.array([[90.0, 70.0, 50.0], [80.0, 75.0, 40.0]])
    figure = plots.winners(table, ["sum", "ranks"], ["plain", "attack", "shift"])
    (ax,) = figure.fig.axes
    texts = {text.get_text() for text in ax.texts}
    assert {"90.0★", "75.0★", "50.0★", "80.0", "70.0", "40.0"} <= texts
    assert len(ax.patches) == 3
    assert figure.alt == "Best in each column: plain sum, attack ranks, shift sum."


def test_a_kind_keeps_its_look_in_figures_that_name_the_same_order() -> None:
    order = ["rank", "mix", "score"]
    looks = []
    for groups in (["score", "mix"], ["mix", "rank"]):
        (ax,) = plots.intervals(["a", "b"], [1, 2], [0, 1], [2, 3], groups=groups, order=order).fig.axes
        handles, names = ax.get_legend_handles_labels()
        looks.append({n: (h[0].get_marker(), h[0].get_color()) for h, n in zip(handles, names, strict=True)})
    assert set(looks[0]) == {"score", "mix"}, "kinds without a row stay out of the legend"
    assert looks[0]["mix"] == looks[1]["mix"]
    with pytest.raises(BadInput, match="misses the group 'mix'"):
        plots.intervals(["a"], [1], [0], [2], groups=["mix"], order=["rank"])


def test_names_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadInput, match="one for each"):
        plots.intervals(["a"], [1, 2], [0, 0], [3, 3])
    with pytest.raises(BadInput, match="2 rows"):
        plots.winners(np.zeros((1, 2)), ["a", "b"], ["c", "d"])
