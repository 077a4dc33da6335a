"""Figures of faces with something drawn on them, and bars side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .base import HATCHES, INK, PALETTE, Figure, Pixels, canvas, style


def landmarks(
    frame: Pixels,
    points: np.ndarray,
    *,
    truth: np.ndarray | None = None,
    alt: str | None = None,
    title: str = "",
) -> Figure:
    """Draw landmarks on a frame as dots; where they should be, if known, as rings.

    Parameters
    ----------
    frame : (H, W, 3) uint8 array
    points : (N, 2) or (N, 3) array, pixels
    truth : (N, 2) or (N, 3) array, pixels, or None
    alt : what the picture shows, in place of the text made from the numbers
    title : above the picture

    Examples
    --------
    >>> landmarks(np.zeros((8, 8, 3), np.uint8), np.array([[2.0, 3.0]])).alt
    'A face with 1 landmark drawn on it as dots.'
    """
    count = len(points)
    text = f"A face with {count} landmark{'s' * (count != 1)} drawn on it as dots"
    with style():
        fig, ax = canvas(4.2, 4.2)
        ax.imshow(frame, cmap="gray")
        if truth is not None:
            ax.scatter(*truth[:, :2].T, s=26, facecolors="none", edgecolors=PALETTE[4], linewidths=0.9)
            text += ", and where they truly are as rings"
        ax.scatter(*points[:, :2].T, s=3.5, c=PALETTE[5], linewidths=0)
        ax.set_axis_off()
        ax.set_title(title)
    return Figure(fig, alt or f"{text}.")


def grouped_bars(
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    alt: str | None = None,
    ylabel: str = "",
    title: str = "",
) -> Figure:
    """Draw bars side by side, one group per label and one bar per series.

    Parameters
    ----------
    labels : sequence of str, names of the groups
    series : name to one value per label, at least 0; NaN where there is none, which leaves a gap
    alt : what the figure shows, in place of the text made from the numbers
    ylabel, title : texts of the axis and above

    Examples
    --------
    >>> grouped_bars(["a", "b"], {"x": [0.2, 0.8], "y": [0.5, float("nan")]}, ylabel="share").alt
    'Bars of share. x: a 0.20, b 0.80. y: a 0.50.'
    """
    at, width = np.arange(len(labels)), 0.8 / max(len(series), 1)
    with style():
        fig, ax = canvas(9.0 if sum(map(len, labels)) > 40 else 7.4, 3.4)  # long names must not touch
        for k, (name, values) in enumerate(series.items()):
            place = at + (k - (len(series) - 1) / 2) * width
            ax.bar(
                place,
                values,
                width * 0.92,
                label=name,
                color=PALETTE[k % 7],
                edgecolor=INK,
                hatch=HATCHES[k % 7],
            )
        ax.set_xticks(at, labels)
        ax.set(ylabel=ylabel, title=title)
        top = np.nanmax(list(series.values()))
        ax.set_ylim(0, 1.05 * top if top > 1 else 1.0)  # room above the highest bar
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    parts = [
        f"{name}: "
        + ", ".join(f"{a} {v:.2f}" for a, v in zip(labels, values, strict=True) if not np.isnan(v))
        for name, values in series.items()
    ]
    return Figure(fig, alt or f"Bars of {ylabel or 'values'}. " + ". ".join(parts) + ".")
