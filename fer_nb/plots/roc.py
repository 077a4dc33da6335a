"""Members found against people falsely accused, on logarithmic axes: what happens at the left is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import BadInput
from .base import DASHES, INK, MARKERS, PALETTE, Figure, canvas, style


def roc(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    alt: str | None = None,
    title: str = "",
    low: float = 1e-3,
    log: bool = True,
) -> Figure:
    """Draw curves of detection, each with its own color, dash and marker, and the line of guessing.

    Parameters
    ----------
    curves : mapping of a name to shares (N,) accused falsely, rising, and shares (N,) found
    alt : what the figure shows, in place of the text made from the numbers
    low : where both axes begin; what lies below is drawn there
    log : logarithmic axes

    Raises
    ------
    BadInput
        If a curve's two sides differ in length, or `low` is not between 0 and 1.

    Examples
    --------
    >>> roc({"attack": ([0.01, 1.0], [0.5, 1.0])}).alt
    'Members found against people falsely accused, log axes. At 1 % falsely accused: attack 50 %.'
    """
    if not 0 < low < 1:
        raise BadInput(f"roc: axes begin at {low}: give a number between 0 and 1")
    at_one = []
    with style():
        fig, ax = canvas(6.6, 4.2)
        for k, (name, (fpr, tpr)) in enumerate(curves.items()):
            if len(fpr) != len(tpr):
                raise BadInput(f"roc: {name} has {len(fpr)} values on one axis and {len(tpr)} on the other")
            x, y = np.asarray(fpr, float), np.asarray(tpr, float)
            at_one.append(f"{name} {y[x <= 0.01 + 1e-9].max(initial=0.0):.0%}".replace("%", " %"))
            floor = low if log else 0.0
            look = {"color": PALETTE[k % 7], "linestyle": DASHES[k % 7], "marker": MARKERS[k % 7]}
            ax.plot(
                x.clip(floor), y.clip(floor), label=name, markevery=max(1, len(x) // 8), clip_on=False, **look
            )
        line = np.geomspace(low, 1, 50)
        ax.plot(line, line, color=INK, linewidth=1.0, linestyle=":", label="guessing")
        if log:
            ax.set(xscale="log", yscale="log", xlim=(low, 1), ylim=(low, 1))
        ax.set(xlabel="falsely accused, share of non-members", ylabel="found, share of members", title=title)
        ax.grid(alpha=0.25)
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.3, handlelength=3)
    axes = "log axes" if log else "plain axes"
    text = (
        f"Members found against people falsely accused, {axes}. At 1 % falsely accused: {', '.join(at_one)}."
    )
    return Figure(fig, alt or text)
