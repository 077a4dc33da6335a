"""How sure against how right: the reliability diagram."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .base import DASHES, INK, MARKERS, PALETTE, Figure, canvas, style

Bins = tuple[np.ndarray, np.ndarray, np.ndarray]  # confidence, accuracy, count; NaN where a bin is empty


def reliability(series: Mapping[str, Bins], *, alt: str | None = None, title: str = "") -> Figure:
    """Draw accuracy against confidence for named series, and below how many answers lie where.

    On the dashed line a model is as right as it is sure. Below it, it is too sure. Bins that hold few
    answers have small marks.

    Parameters
    ----------
    series : name to (confidence, accuracy, count), each (bins,), NaN in empty bins

    Examples
    --------
    >>> bins = np.array([0.5, 0.9]), np.array([0.5, 0.7]), np.array([10, 30])
    >>> reliability({"before": bins}).alt
    'Reliability diagram. before: right in 50 % of the answers at confidence 0.50, 70 % at 0.90.'
    """
    with style():
        fig, (top, low) = canvas(6.6, 4.8, nrows=2, height_ratios=(3, 1), sharex=True)
        top.plot([0, 1], [0, 1], color=INK, linestyle=(0, (4, 3)), linewidth=1.2)
        top.annotate("as right as sure", (0.13, 0.15), rotation=33, ha="center", fontsize=10)
        for k, (name, (sure, right, count)) in enumerate(series.items()):
            seen = np.asarray(count) > 0
            look = {"color": PALETTE[k % 7], "linestyle": DASHES[k % 7], "linewidth": 1.4}
            top.plot(np.asarray(sure)[seen], np.asarray(right)[seen], **look)
            area = 12 + 160 * np.asarray(count)[seen] / max(1, np.max(count))
            mark = {"marker": MARKERS[k % 7], "color": PALETTE[k % 7], "edgecolors": INK, "linewidths": 0.6}
            mark |= {"clip_on": False, "zorder": 3}  # a mark at the edge is drawn whole
            top.scatter(np.asarray(sure)[seen], np.asarray(right)[seen], s=area, label=name, **mark)
            low.plot(np.asarray(sure)[seen], np.asarray(count)[seen], marker=MARKERS[k % 7], **look)
        top.set(ylabel="share right", xlim=(0, 1), ylim=(0, 1.02), title=title)
        low.set(xlabel="confidence: probability of the answer", ylabel="answers")
        low.set_ylim(0)
        for ax in (top, low):
            ax.grid(alpha=0.25)
        top.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.3)
    return Figure(fig, alt or _text(series))


def _text(series: Mapping[str, Bins]) -> str:
    """Say the course of each series in words."""
    parts = []
    for name, (sure, right, count) in series.items():
        seen = np.flatnonzero(np.asarray(count) > 0)
        points = [f"{right[i]:.0%}".replace("%", " %") + f" at {sure[i]:.2f}" for i in seen]
        points[0] = points[0].replace(" at ", " of the answers at confidence ", 1)
        parts.append(f"{name}: right in {', '.join(points)}")
    return "Reliability diagram. " + ". ".join(parts) + "."
