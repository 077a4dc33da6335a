"""What is given up for what: methods as points, and as lines where one is swept over its strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import BadInput
from .base import DASHES, INK, MARKERS, PALETTE, Figure, canvas, style

Points = Sequence[tuple[float, float]]


def tradeoff(
    families: Mapping[str, Points],
    *,
    alt: str | None = None,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    bounds: Mapping[str, float] | None = None,
    bars: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Draw each family of methods by its own color, marker and dash, its settings joined in their order.

    Parameters
    ----------
    families : name to its settings, each (x, y)
    alt : what the figure shows, in place of the text made from the numbers
    bounds : name to an x, drawn as a dotted vertical line
    bars : name of a family to the (low, high) of y of its only setting

    Raises
    ------
    BadInput
        If there is no family, or one without a setting.

    Examples
    --------
    >>> tradeoff({"blur": [(0.9, 0.8), (0.4, 0.2)]}, xlabel="risk", ylabel="use").alt
    'use against risk. blur: 0.80 at 0.90, 0.20 at 0.40.'
    """
    if not families or not all(len(points) for points in families.values()):
        raise BadInput("tradeoff: give at least one family, each with at least one setting (x, y)")
    with style():
        fig, ax = canvas(7.4, 4.2)
        for k, (name, points) in enumerate(families.items()):
            x, y = np.array(points, float).T
            look = {"color": PALETTE[k % 7], "marker": MARKERS[k % 7], "linestyle": DASHES[k % 7]}
            ax.plot(x, y, label=name, markeredgecolor=INK, markeredgewidth=0.6, **look)
            if bars and name in bars:
                low, high = bars[name]
                ax.errorbar(x[0], y[0], [[y[0] - low], [high - y[0]]], color=PALETTE[k % 7], capsize=4)
        for name, at in (bounds or {}).items():
            ax.axvline(at, color=INK, linestyle=":", linewidth=1.2)
            ax.annotate(name, (at, 1.0), (3, -2), xycoords=("data", "axes fraction"), va="top",
                        textcoords="offset points", rotation=90, fontsize=10)  # fmt: skip
        ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
        ax.grid(alpha=0.25)
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=3)
    parts = [
        f"{name}: " + ", ".join(f"{y:.2f} at {x:.2f}" for x, y in points) for name, points in families.items()
    ]
    return Figure(fig, alt or f"{ylabel or 'y'} against {xlabel or 'x'}. " + "; ".join(parts) + ".")
