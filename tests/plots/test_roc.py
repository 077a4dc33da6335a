"""Curves of detection: axes, the line of guessing, and an alt text with the numbers."""

from __future__ import annotations

import pytest

from fer_nb import plots
from fer_nb.errors import BadInput


def test_axes_are_logarithmic_and_zero_lies_on_the_edge():
    figure = plots.roc({"a": ([0.001, 0.01, 1.0], [0.0, 0.2, 1.0]), "b": ([0.001, 1.0], [0.1, 1.0])})
    (ax,) = figure.fig.axes
    assert ax.get_xscale() == ax.get_yscale() == "log" and ax.get_ylim() == (1e-3, 1)
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert min(drawn["a"]) == 1e-3 and "guessing" in drawn
    assert "a 20 %, b 10 %" in figure.alt
    assert len({line.get_linestyle() for line in ax.lines[:2]}) == 2  # not by color alone


def test_plain_axes_are_plain():
    figure = plots.roc({"a": ([0.0, 1.0], [0.0, 1.0])}, log=False)
    assert figure.fig.axes[0].get_xscale() == "linear" and "plain axes" in figure.alt


@pytest.mark.parametrize("wrong", [({"a": ([0.1], [0.1, 0.2])}, 1e-3), ({"a": ([1.0], [1.0])}, 0.0)])
def test_nonsense_is_refused(wrong):
    curves, low = wrong
    with pytest.raises(BadInput, match="roc"):
        plots.roc(curves, low=low)
