"""Tables as shades with their numbers, and maps below faces."""

from __future__ import annotations

import numpy as np
import pytest

from fer_nb import plots
from fer_nb.errors import BadInput

TABLE = np.array([[1.0, 0.25], [np.nan, 0.5]])


def test_each_number_stands_in_its_cell_and_empty_cells_stay_empty() -> None:
    figure = plots.heat([TABLE, TABLE], [["a", "b"]] * 2, [["x", "y"]] * 2, alt="Two.", titles=["one", "two"])
    first, second = figure.fig.axes
    assert sorted(t.get_text() for t in first.texts) == ["0.25", "0.50", "1.00"]
    assert second.get_title() == "two" and [t.get_text() for t in first.get_yticklabels()] == ["a", "b"]
    dark = next(t for t in first.texts if t.get_text() == "1.00")
    assert dark.get_color() == "white"


def test_names_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadInput, match="rows"):
        plots.heat([TABLE], [["a"]], [["x", "y"]], alt="One.")


def test_maps_show_size_not_sign() -> None:
    face = np.full((8, 8), 0.5)
    change = np.linspace(-1, 1, 64).reshape(8, 8)
    figure = plots.attributions(
        [face, face], [[change, -change]], names=["map"], alt="Two.", titles=["a", "b"]
    )
    top, other, left, right = figure.fig.axes
    assert np.array_equal(left.images[0].get_array(), right.images[0].get_array())
    assert left.get_ylabel() == "map" and other.get_title() == "b" and top.get_ylabel() == "input"


def test_one_map_for_each_face() -> None:
    with pytest.raises(BadInput, match="one for each face"):
        plots.attributions([np.zeros((4, 4))], [[]], names=["map"], alt="None.")
