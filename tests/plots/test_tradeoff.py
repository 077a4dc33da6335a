from __future__ import annotations

import pytest

from fer_nb import plots
from fer_nb.errors import BadInput

FAMILIES = {"blur": [(0.9, 0.8), (0.4, 0.2)], "anonymizer": [(0.3, 0.6)]}


def test_every_family_is_drawn_and_told():
    figure = plots.tradeoff(
        FAMILIES, xlabel="risk", ylabel="use", bounds={"limit": 0.5}, bars={"anonymizer": (0.5, 0.7)}
    )
    ax = figure.fig.axes[0]
    assert ax.get_legend_handles_labels()[1] == ["blur", "anonymizer"]
    assert "blur: 0.80 at 0.90, 0.20 at 0.40; anonymizer: 0.60 at 0.30" in figure.alt
    assert any(text.get_text() == "limit" for text in ax.texts)


def test_families_differ_by_more_than_color():
    lines = plots.tradeoff(FAMILIES).fig.axes[0].get_lines()[:2]
    assert lines[0].get_marker() != lines[1].get_marker()


def test_an_empty_family_is_refused():
    with pytest.raises(BadInput, match="setting"):
        plots.tradeoff({"blur": []})
