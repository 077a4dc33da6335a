"""Many methods compared: intervals on one line each, and a map of what is best where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import BadInput
from .base import INK, MARKERS, PALETTE, Figure, canvas, style


def intervals(
    labels: Sequence[str],
    values: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    *,
    alt: str | None = None,
    groups: Sequence[str] | None = None,
    order: Sequence[str] | None = None,
    marks: Mapping[str, float] | None = None,
    xlabel: str = "",
    title: str = "",
) -> Figure:
    """Draw one line for each label, from `low` to `high` with a mark at its value, the first on top.

    Parameters
    ----------
    labels : sequence of str
    values, low, high : sequences of float
    alt : what the figure shows, in place of the text made from the numbers
    groups : sequence of str or None, a kind for each label; kinds differ by color and marker
    order : sequence of str or None, all kinds that figures of one family have, in an order that fixes the
        color and marker of each; as they come, when not given
    marks : mapping of a name to a value, dashed vertical lines

    Raises
    ------
    BadInput
        If the lengths differ, or `order` misses a kind.

    Examples
    --------
    >>> intervals(["a", "b"], [1, 2], [0, 1.5], [2, 2.5], xlabel="gain").alt
    'Intervals of gain: a 1 (0 to 2), b 2 (1.5 to 2.5).'
    """
    kinds = list(groups) if groups is not None else [""] * len(labels)
    if not len(labels) == len(values) == len(low) == len(high) == len(kinds):
        raise BadInput(f"intervals: {len(labels)} labels for {len(values)} values, give one for each")
    every = list(dict.fromkeys(kinds if order is None else order))
    if missing := [kind for kind in kinds if kind not in every]:
        raise BadInput(f"intervals: the order misses the group {missing[0]!r}, add it")
    with style():
        fig, ax = canvas(7.4, 1.1 + 0.33 * len(labels))
        for k, kind in enumerate(every):
            rows = [i for i, other in enumerate(kinds) if other == kind]
            if not rows:
                continue
            x = np.array([values[i] for i in rows])
            ends = np.array([[values[i] - low[i], high[i] - values[i]] for i in rows]).T.clip(0)
            look = {"fmt": MARKERS[k % 7], "color": PALETTE[k % 7], "capsize": 3, "markeredgecolor": INK}
            ax.errorbar(x, rows, xerr=ends, label=kind, linewidth=1.6, **look)
        for name, value in (marks or {}).items():
            ax.axvline(value, color=INK, linestyle="--", linewidth=1.2)
            ax.annotate(name, (value, -0.9), (3, 0), textcoords="offset points", fontsize=10, va="center")
        ax.set_yticks(range(len(labels)), labels)
        ax.set_ylim(len(labels) - 0.4, -1.4 if marks else -0.6)
        ax.grid(axis="x", alpha=0.25)
        ax.set(xlabel=xlabel, title=title)
        if len(set(kinds)) > 1:
            ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    parts = ", ".join(
        f"{name} {v:.3g} ({a:.3g} to {b:.3g})"
        for name, v, a, b in zip(labels, values, low, high, strict=True)
    )
    return Figure(fig, alt or f"Intervals of {xlabel or 'values'}: {parts}.".replace("\n", " "))


def winners(
    table: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    alt: str | None = None,
    title: str = "",
    xlabel: str = "",
    worst: float = 10.0,
) -> Figure:
    """Print a table of values; the shade says how far each is behind the best of its column, in points.

    A frame and a star mark the best. Rows are read by their numbers, columns by their shade.

    Parameters
    ----------
    table : (R, C) array, higher is better, in points
    rows, columns : names
    worst : points behind at which the shade is darkest

    Raises
    ------
    BadInput
        If the names do not fit the table.

    Examples
    --------
    >>> winners(np.array([[90.0, 80.0], [88.0, 85.0]]), ["sum", "rank"], ["plain", "attack"]).alt
    'Best in each column: plain sum, attack rank.'
    """
    values = np.asarray(table, float)
    if values.shape != (len(rows), len(columns)):
        raise BadInput(f"winners: table {values.shape} for {len(rows)} rows and {len(columns)} columns")
    behind = values.max(0) - values  # (R, C), 0 for the best
    with style():
        fig, ax = canvas(3.0 + 0.66 * len(columns), 1.6 + 0.34 * len(rows))
        ax.imshow(np.minimum(behind, worst), cmap="Blues", vmin=0, vmax=1.25 * worst, aspect="auto")
        for (i, j), gap in np.ndenumerate(behind):
            best = gap == 0
            text = f"{values[i, j]:.1f}" + ("★" if best else "")
            color = "white" if min(gap, worst) > 0.75 * worst else INK
            ax.text(
                j, i, text, ha="center", va="center", fontsize=9, color=color, weight="bold" if best else None
            )
            if best:
                box = {"fill": False, "edgecolor": INK, "linewidth": 1.6}
                ax.add_patch(_rectangle(j, i, box))
        ax.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
        ax.set_yticks(range(len(rows)), rows)
        ax.spines[:].set_visible(False)
        ax.set(title=title, xlabel=xlabel)
    best_names = ", ".join(f"{name} {rows[int(behind[:, j].argmin())]}" for j, name in enumerate(columns))
    return Figure(fig, alt or f"Best in each column: {best_names}.".replace("\n", " "))


def _rectangle(column: int, row: int, look: dict[str, object]) -> object:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.47, row - 0.46), 0.94, 0.92, **look)  # type: ignore[arg-type]
