"""Tables of numbers as shades, and where on a face something lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import BadInput
from .base import INK, Figure, Pixels, canvas, style


def heat(
    tables: Sequence[np.ndarray],
    rows: Sequence[Sequence[str]],
    columns: Sequence[Sequence[str]],
    *,
    alt: str,
    titles: Sequence[str] | None = None,
    xlabel: str = "",
    ylabel: str = "",
) -> Figure:
    """Draw tables side by side; darker is more, and the number stands in each cell. NaN cells stay empty.

    Parameters
    ----------
    tables : arrays (R, C) of numbers from 0 to 1
    rows, columns : names for each table
    alt : what the figure shows

    Raises
    ------
    BadInput
        If the names do not fit a table.

    Examples
    --------
    >>> heat([np.eye(2)], [["a", "b"]], [["x", "y"]], alt="A table.").alt
    'A table.'
    """
    for table, names, heads in zip(tables, rows, columns, strict=True):
        if np.shape(table) != (len(names), len(heads)):
            raise BadInput(f"heat: table {np.shape(table)} for {len(names)} rows and {len(heads)} columns")
    widths = [len(heads) for heads in columns]
    with style():
        size = (1.0 + 0.72 * sum(widths) + 0.6 * len(widths), 1.6 + 0.55 * max(len(r) for r in rows))
        fig, axes = canvas(*size, ncols=len(tables), squeeze=False, width_ratios=widths)
        for k, ax in enumerate(axes.flat):
            table = np.asarray(tables[k], float)
            ax.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto")
            for (i, j), value in np.ndenumerate(table):
                if np.isfinite(value):
                    color = "white" if value > 0.6 else INK
                    ax.text(j, i, f"{value:.2f}", ha="center", va="center", color=color, fontsize=10)
            ax.set_xticks(range(len(columns[k])), columns[k], rotation=30, ha="right")
            ax.set_yticks(range(len(rows[k])), rows[k])
            ax.spines[:].set_visible(False)
            ax.set(xlabel=xlabel, ylabel=ylabel if k == 0 else "", title=titles[k] if titles else "")
    return Figure(fig, alt)


def attributions(
    faces: Sequence[Pixels],
    maps: Sequence[Sequence[np.ndarray]],
    *,
    names: Sequence[str],
    alt: str,
    titles: Sequence[str] | None = None,
    size: float = 1.5,
) -> Figure:
    """Draw faces in a row, and below each its maps: dark where much is attributed, whatever the sign.

    Parameters
    ----------
    faces : pictures (H, W)
    maps : for each name a list with one (H, W) array a face
    names : of the rows of maps
    alt : what the figure shows

    Raises
    ------
    BadInput
        If a row has not one map for each face.

    Examples
    --------
    >>> face = np.zeros((8, 8))
    >>> attributions([face], [[face + 1]], names=["trained"], alt="A face and its map.").alt
    'A face and its map.'
    """
    if any(len(row) != len(faces) for row in maps) or len(names) != len(maps):
        raise BadInput(
            f"attributions: give {len(faces)} maps, one for each face, for each of {len(names)} names"
        )
    with style():
        height = (1 + len(maps)) * size + 0.3
        fig, axes = canvas(
            1.0 + len(faces) * size, height, nrows=1 + len(maps), ncols=len(faces), squeeze=False
        )
        for i, row in enumerate([faces, *maps]):
            for k, picture in enumerate(row):
                ax, shown = axes[i, k], np.asarray(picture, float)
                top = np.quantile(np.abs(shown), 0.995) if i else max(1.0, shown.max())
                cmap = "Blues" if i else "gray"
                ax.imshow(np.abs(shown), cmap=cmap, vmin=0, vmax=max(top, 1e-12), interpolation="nearest")
                ax.set(xticks=[], yticks=[])
                ax.spines[:].set_visible(False)
                if k == 0:
                    ax.set_ylabel("input" if i == 0 else names[i - 1], fontsize=11)
                if i == 0 and titles is not None:
                    ax.set_title(titles[k], fontsize=11)
    return Figure(fig, alt)
