"""Faces side by side, bars, curves and confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..errors import BadInput
from ..labels import LABELS
from .base import DASHES, HATCHES, INK, MARKERS, PALETTE, Figure, Pixels, canvas, style

# ---------------------------------------------------------------- pictures of faces


def images(
    frames: Sequence[Pixels],
    *,
    alt: str,
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    size: float = 1.4,
) -> Figure:
    """Show faces side by side.

    Parameters
    ----------
    frames
        Images `(H, W)` or `(H, W, 3)`, `uint8` or floats in [0, 1].
    alt
        What the pictures show, in a sentence.
    titles
        One short text for each image.
    columns
        Images in a row; as many as fit, at most seven, when not given.
    size
        Width of one image in inches.

    Raises
    ------
    BadInput
        If there is no image, or not one title for each.
    """
    if not len(frames):
        raise BadInput("images: no frames to show")
    if titles is not None and len(titles) != len(frames):
        raise BadInput(f"images: {len(titles)} titles for {len(frames)} frames, give one for each")
    columns = columns or min(len(frames), 7)
    rows = -(-len(frames) // columns)
    with style():
        extra = 0.25 * max((t.count("\n") + 1 for t in titles), default=0) if titles else 0.0
        fig, axes = canvas(columns * size, rows * (size + extra), nrows=rows, ncols=columns, squeeze=False)
        for k, ax in enumerate(axes.flat):
            ax.axis("off")
            if k < len(frames):
                frame = np.asarray(frames[k])
                top = 255 if frame.dtype == np.uint8 else 1.0
                ax.imshow(frame, cmap="gray", vmin=0, vmax=top, interpolation="nearest")
                if titles is not None:
                    ax.set_title(titles[k], fontsize=11)
    return Figure(fig, alt)


# ---------------------------------------------------------------- numbers


def bars(
    labels: Sequence[str],
    values: Sequence[float],
    *,
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    alt: str | None = None,
    ylabel: str = "",
    title: str = "",
    chance: float | None = None,
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Draw one bar per label, with its interval where `low` and `high` are given.

    `chance` draws a dashed line at the score of guessing. Without `alt`, the text is written from the
    numbers.

    Examples
    --------
    >>> bars(["random", "by person"], [0.9, 0.6], low=[0.8, 0.5], high=[1, 0.7], ylabel="accuracy").alt
    'Bar chart of accuracy: random 0.9 (0.8 to 1), by person 0.6 (0.5 to 0.7).'
    """
    y = np.asarray(values, float)  # (N,)
    if len(labels) != len(y):
        raise BadInput(f"bars: {len(labels)} labels for {len(y)} values, give one for each")
    ends = None if low is None or high is None else np.stack([y - np.asarray(low), np.asarray(high) - y])
    with style():
        fig, ax = canvas()
        drawn = ax.bar(range(len(y)), y, color=[PALETTE[k % 7] for k in range(len(y))], edgecolor=INK,
                       yerr=None if ends is None else ends.clip(0), capsize=5, width=0.65)  # fmt: skip
        for k, patch in enumerate(drawn):
            patch.set_hatch(HATCHES[k % 7])
            top = y[k] if ends is None else y[k] + max(ends[1, k], 0)
            ax.annotate(f"{y[k]:.3g}", (k, top), (0, 3), textcoords="offset points", ha="center", fontsize=11)
        if chance is not None:
            ax.axhline(chance, color=INK, linestyle="--", linewidth=1.2)
            where = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
            ax.annotate("chance", (1.0, chance), xytext=(4, 0), va="center", annotation_clip=False, **where)
        ax.set_xticks(range(len(y)), labels)
        ax.margins(y=0.1)
        ax.set(ylabel=ylabel, title=title)
        if ylim:
            ax.set_ylim(*ylim)
    return Figure(fig, alt or _bars_text(labels, y, low, high, ylabel))


def _bars_text(labels: Any, y: Any, low: Any, high: Any, ylabel: str) -> str:
    parts = [f"{name} {value:.3g}" for name, value in zip(labels, y, strict=True)]
    if low is not None and high is not None:
        parts = [f"{part} ({a:.3g} to {b:.3g})" for part, a, b in zip(parts, low, high, strict=True)]
    return f"Bar chart of {ylabel or 'values'}: " + ", ".join(parts).replace("\n", " ") + "."


def lines(
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    alt: str,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    low: Mapping[str, Sequence[float]] | None = None,
    high: Mapping[str, Sequence[float]] | None = None,
    logx: bool = False,
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Draw named curves over the same `x`, each with its own color, dash, marker and end label.

    `low` and `high` give a band for the curves that they name.
    """
    with style():
        fig, ax = canvas()
        for k, (name, y) in enumerate(series.items()):
            every = max(1, len(x) // 12)
            look = {"color": PALETTE[k % 7], "linestyle": DASHES[k % 7], "marker": MARKERS[k % 7]}
            ax.plot(x, y, label=name, markevery=every, **look)
            if low and high and name in low and name in high:
                ax.fill_between(x, low[name], high[name], color=PALETTE[k % 7], alpha=0.18, linewidth=0)
        if logx:
            ax.set_xscale("log")
        ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
        ax.grid(alpha=0.25)
        if ylim:
            ax.set_ylim(*ylim)
        _legend(ax, len(series))
    return Figure(fig, alt)


def _legend(ax: Axes, entries: int) -> None:
    if entries > 1:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.3, handlelength=3)


def confusion(
    matrix: Sequence[Sequence[float]] | np.ndarray,
    labels: Sequence[str] = LABELS,
    *,
    alt: str | None = None,
    title: str = "",
) -> Figure:
    """Draw a confusion matrix, rows true and columns predicted; each row is shaded by its own share.

    Counts are printed in the cells. Without `alt`, the text gives the share of each class that was
    read as itself, and the most frequent mistake.
    """
    counts = np.asarray(matrix, float)  # (C, C)
    if counts.shape != (len(labels), len(labels)):
        raise BadInput(f"confusion: matrix {counts.shape} for {len(labels)} labels, it must be square")
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1e-12)  # (C, C), rows sum to 1
    with style():
        side = 1.6 + 0.62 * len(labels)
        fig, ax = canvas(side + 0.6, side)
        ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for (i, j), value in np.ndenumerate(counts):
            text = f"{value:.0f}" if np.allclose(counts, counts.round()) else f"{value:.2f}"
            ax.text(j, i, text, ha="center", va="center", color="white" if share[i, j] > 0.55 else INK)
        ax.set_xticks(range(len(labels)), labels, rotation=40, ha="right")
        ax.set_yticks(range(len(labels)), labels)
        ax.set(xlabel="predicted", ylabel="true", title=title)
    return Figure(fig, alt or _confusion_text(share, labels))


def _confusion_text(share: np.ndarray, labels: Sequence[str]) -> str:
    right = ", ".join(f"{name} {share[k, k]:.0%}" for k, name in enumerate(labels))
    wrong = share - np.diag(np.diag(share))
    i, j = divmod(int(wrong.argmax()), len(labels))
    worst = ""
    if wrong[i, j] > 0:
        worst = f" Most frequent mistake: {labels[i]} read as {labels[j]}, {wrong[i, j]:.0%}."
    return f"Confusion matrix. Read as themselves: {right}.{worst}"
