"""Pictures of what happens in time: a prediction over a video, and action units over a clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import BadInput
from ..labels import LABELS
from .base import CARD, DASHES, INK, MARKERS, PALETTE, Figure, canvas, ink_on, label_color, style


def timeline(prediction: Any, *, alt: str | None = None, title: str = "") -> Figure:
    """Draw what was read over time: named segments, probabilities, and where a face was found.

    Parameters
    ----------
    prediction
        What `fer_nb.predict` returns. Used are `timeline`, a list of segments with `start` and `end` in
        seconds, `label` and `probabilities` (None without a face); `seconds`, `frames` and
        `frames_with_face`; and, where it has them, `ticks` (K,) with `course` (K, 7), the probabilities
        over time, and `sequence.found` (T,).
    alt
        Text of the picture; written from the segments when not given.
    title
        Above the picture.

    Raises
    ------
    BadInput
        If the timeline is empty.
    """
    segments = [_plain(segment) for segment in prediction.timeline]
    if not segments:
        raise BadInput("timeline: the prediction has no segments, nothing can be drawn")
    seconds = float(prediction.seconds) or segments[-1]["end"]
    with style():
        fig, (top, middle, bottom) = canvas(7.5, 4.4, nrows=3, sharex=True, height_ratios=(1, 5, 0.5))
        _segment_band(top, segments, seconds)
        _probability_lines(middle, *_course(segments, prediction))
        _coverage(bottom, prediction, seconds)
        top.set_title(title)
        bottom.set(xlim=(0, seconds), xlabel="seconds")
    return Figure(fig, alt or timeline_text(segments, prediction))


def timeline_text(segments: Sequence[Mapping[str, Any]], prediction: Any) -> str:
    """Return the segments of a prediction as a sentence.

    Neighbors with the same label are joined.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> parts = [dict(start=0, end=1, label="neutral"), dict(start=1, end=2.5, label="happiness")]
    >>> timeline_text(parts, SimpleNamespace(frames=50, frames_with_face=49))
    'Expression over time: neutral 0.0 to 1.0 s, happiness 1.0 to 2.5 s. A face was found in 49 of 50 frames.'
    """
    parts = ", ".join(f"{label} {start:.1f} to {end:.1f} s" for start, end, label in _joined(segments))
    cover = f"A face was found in {prediction.frames_with_face} of {prediction.frames} frames."
    return f"Expression over time: {parts}. {cover}"


def courses(
    units: np.ndarray,
    fps: float,
    names: Sequence[str],
    *,
    alt: str | None = None,
    title: str = "",
    top: int = 7,
) -> Figure:
    """Draw action-unit intensities over time.

    Parameters
    ----------
    units
        `(T, U)` intensities in [0, 1].
    fps
        Frames per second.
    names
        `U` names.
    alt
        Text of the picture; written from the peaks when not given.
    title
        Above the picture.
    top
        How many units to draw: those that move most.

    Raises
    ------
    BadInput
        If names and units do not match.
    """
    x = np.asarray(units, float)  # (T, U)
    if x.ndim != 2 or x.shape[1] != len(names):
        raise BadInput(f"courses: units {x.shape} for {len(names)} names, the last axis must match")
    span = np.ptp(x, axis=0)  # (U,)
    shown = [int(k) for k in np.argsort(-span, kind="stable")[: min(top, 7)] if span[k] > 0.02]
    time = np.arange(len(x)) / fps  # (T,) seconds
    with style():
        fig, ax = canvas(7.5, 3.4)
        for k, unit in enumerate(shown):
            every = max(1, len(time) // 8)
            ax.plot(
                time, x[:, unit], label=names[unit], color=PALETTE[k], linestyle=DASHES[k], marker=MARKERS[k],
                markevery=(k % every, every),
            )  # fmt: skip
        ax.set(xlabel="seconds", ylabel="intensity", ylim=(-0.03, max(1.03, float(x.max()))), title=title)
        ax.grid(alpha=0.25)
        if shown:
            ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=3)
    return Figure(fig, alt or courses_text(x, fps, names, shown))


def courses_text(x: np.ndarray, fps: float, names: Sequence[str], shown: Sequence[int]) -> str:
    """Return the peaks of the shown courses as a sentence.

    Examples
    --------
    >>> courses_text(np.array([[0.0], [0.8], [0.1]]), 10, ["AU12"], [0])
    'Action units over 0.3 s: AU12 reaches 0.80 at 0.1 s.'
    """
    peaks = (int(x[:, k].argmax()) for k in shown)
    pairs = zip(shown, peaks, strict=True)
    parts = [f"{names[k]} reaches {x[t, k]:.2f} at {t / fps:.1f} s" for k, t in pairs]
    return f"Action units over {len(x) / fps:.1f} s: " + (", ".join(parts) or "none moves") + "."


# ---------------------------------------------------------------- parts


def _plain(segment: Any) -> Mapping[str, Any]:
    if isinstance(segment, Mapping):
        return segment
    return {name: getattr(segment, name) for name in ("start", "end", "label", "probabilities")}


def _joined(segments: Sequence[Mapping[str, Any]]) -> list[tuple[float, float, str]]:
    runs: list[tuple[float, float, str]] = []
    for part in segments:
        label = part["label"] or "no face"
        if runs and runs[-1][2] == label:
            runs[-1] = (runs[-1][0], part["end"], label)
        else:
            runs.append((part["start"], part["end"], label))
    return runs


def _segment_band(ax: Any, segments: Sequence[Mapping[str, Any]], seconds: float) -> None:
    for start, end, label in _joined(segments):
        seen = label in LABELS
        color = label_color(label) if seen else CARD
        ax.barh(
            0, end - start, left=start, height=1, color=color, linewidth=2 if seen else 0,
            edgecolor=CARD if seen else INK, hatch=None if seen else "//",
        )  # fmt: skip
        if (end - start) / seconds > 0.018 * len(label):  # room for the word
            box = None if seen else {"facecolor": CARD, "edgecolor": "none", "pad": 2}
            look = {"color": ink_on(color), "fontweight": "bold", "bbox": box}
            ax.text((start + end) / 2, 0, label, ha="center", va="center", **look)
    ax.axis("off")


def _course(segments: Sequence[Mapping[str, Any]], prediction: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return moments (K,) and probabilities (K, 7), from the segments where there is nothing finer."""
    ticks, course = getattr(prediction, "ticks", None), getattr(prediction, "course", None)
    if ticks is not None and course is not None and len(ticks):
        return np.asarray(ticks), np.asarray(course)
    middles = np.array([(part["start"] + part["end"]) / 2 for part in segments])
    shares = [[(part["probabilities"] or {}).get(name, np.nan) for name in LABELS] for part in segments]
    return middles, np.array(shares, float)


def _probability_lines(ax: Any, time: np.ndarray, course: np.ndarray) -> None:
    for k, label in enumerate(LABELS):
        y = course[:, k]
        if not (y >= 0.1).any():
            continue  # a label that is never in question
        ax.plot(
            time, y, label=label, color=label_color(label), linestyle=DASHES[k], marker=MARKERS[k],
            markevery=max(1, len(time) // 12),
        )  # fmt: skip
    ax.set(ylim=(-0.03, 1.03), ylabel="probability")
    ax.grid(alpha=0.25)
    if ax.lines:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=3)


def _coverage(ax: Any, prediction: Any, seconds: float) -> None:
    found = getattr(getattr(prediction, "sequence", prediction), "found", None)
    if found is None:
        share = prediction.frames_with_face / max(prediction.frames, 1)
        ax.barh(0, seconds * share, left=0, height=1, color=INK)
    else:
        step = seconds / max(len(found), 1)
        runs = [(k * step, step) for k, here in enumerate(found) if here]
        ax.broken_barh(runs, (-0.5, 1), color=INK)
    ax.set(ylim=(-0.5, 0.5), yticks=[0], yticklabels=["face found"])
    ax.tick_params(left=False)
    ax.spines[["left", "bottom"]].set_visible(False)
