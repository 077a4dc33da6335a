"""What is left of a clip when its time is disturbed: the controls of the temporal branch.

*Views* take order away: frames shuffled, reversed, or only two of them kept. A network is trained and tested
on the same view, so that it can make the best of it. *Degradations* are what cameras and detectors do: frames
without a face, jitter, short clips, low frame rates. They act on landmarks; everything after is done anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import features
from .errors import BadInput, NoFace
from .labels import index
from .preprocess import FaceSequence, sequence_from_points, window_features

VIEWS = ("ordered", "shuffled", "reversed", "two_frame")
_FLIP = np.array(features.MIRROR)
_GAIN = (np.log(0.4), np.log(1.3))


@dataclass(frozen=True)
class Track:
    """The motion of a clip as numbers, with what a network may be taught about it.

    Attributes
    ----------
    motion, mirror : (T, F) float32 arrays, features minus neutral, of the clip and of its mirror image
    found : (T,) bool array
    quiet, apex : int, the frames with the smallest and the largest displacement
    label : int, the position of the class
    subject : str or None
    units : (T, U) float32 array or None, true action units minus those of the neutral frames
    """

    motion: np.ndarray
    mirror: np.ndarray
    found: np.ndarray
    quiet: int
    apex: int
    label: int
    subject: str | None
    units: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Track:
        """Return the track of these frames, in this order."""
        units = None if self.units is None else self.units[rows]
        return Track(self.motion[rows], self.mirror[rows], self.found[rows], 0, len(rows) - 1,
                     self.label, self.subject, units)  # fmt: skip


def track(sequence: FaceSequence, *, label: int | None = None, mirrored: FaceSequence | None = None) -> Track:
    """Make a track of a face sequence.

    Parameters
    ----------
    sequence : FaceSequence
    label : int or None, in place of the position of the sequence's own label
    mirrored : FaceSequence or None, whose motion is that of the mirror image; for named measures it follows
        from the sequence
    """
    size = np.where(sequence.found, sequence.displacement, np.nan)
    other = sequence.motion[:, _FLIP] if mirrored is None else mirrored.motion
    units = None
    if sequence.units is not None:
        quiet = features.quiet_frames(sequence.points, sequence.found, sequence.fps)
        units = (sequence.units - np.median(sequence.units[quiet], axis=0)).astype(np.float32)
    return Track(
        motion=sequence.motion,
        mirror=other,
        found=sequence.found,
        quiet=int(np.nanargmin(size)),
        apex=int(np.nanargmax(size)),
        label=index(sequence.label or "neutral") if label is None else label,
        subject=sequence.subject,
        units=units,
    )


# ---------------------------------------------------------------- views


def view(whole: Track, name: str, rng: np.random.Generator) -> Track:
    """Return a clip as one of `VIEWS` shows it.

    Parameters
    ----------
    whole : Track
    name : "ordered" (as it is), "shuffled" (frames in random order), "reversed" (last frame first), or
        "two_frame" (the quietest frame, then the apex)
    rng : draws the order of a shuffled clip

    Raises
    ------
    BadInput
        For another name.

    Examples
    --------
    >>> rise = np.arange(4, dtype=np.float32)[:, None]
    >>> clip = Track(rise, rise, np.ones(4, bool), 0, 3, 0, None)
    >>> view(clip, "reversed", np.random.default_rng(0)).motion[:, 0].tolist()
    [3.0, 2.0, 1.0, 0.0]
    """
    rows = np.arange(len(whole.found))
    if name == "ordered":
        return whole
    if name == "shuffled":
        return whole.take(rng.permutation(rows))
    if name == "reversed":
        return whole.take(rows[::-1])
    if name == "two_frame":
        return whole.take(np.array([whole.quiet, whole.apex]))
    raise BadInput(f"unknown view {name!r}: use one of {', '.join(VIEWS)}")


def inputs(tracks: Sequence[Track], *, name: str = "ordered", seed: int = 0) -> Tensor:
    """Return the views of many clips as a network sees them, (N, 24, F + 1)."""
    rng = np.random.default_rng(seed)
    seen = [view(one, name, rng) for one in tracks]
    return torch.from_numpy(np.stack([window_features(one.motion, one.found) for one in seen]))


def sample(
    whole: Track, rng: np.random.Generator, spread: np.ndarray, *, name: str = "ordered"
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one training example: the whole clip, its ends cut a little, seen with imperfect sensors.

    Other than `temporal.sample` it never shows less than the clip, so that time is there to be used.

    Parameters
    ----------
    whole : Track
    rng : numpy Generator
    spread : (F,) array, size of each feature over training clips; noise is a share of it
    name : one of `VIEWS`

    Returns
    -------
    (24, F + 1) float32 features and (24, U) float32 units (U is 0 where they are not known)
    """
    frames = len(whole.found)
    first, last = rng.integers(0, 1 + frames // 10, 2)
    kept = whole.take(np.arange(first, frames - last)) if name != "two_frame" else whole
    kept = view(kept, name, rng)
    motion = kept.mirror if rng.random() < 0.5 else kept.motion
    units = np.zeros((len(motion), 0), np.float32) if kept.units is None else kept.units
    gain = np.exp(rng.uniform(*_GAIN))
    motion, units, found = motion * gain, units * gain, kept.found.copy()
    if len(found) > 4 and rng.random() < 0.3:
        seen = rng.random(len(found)) > rng.uniform(0, 0.4)
        found &= seen if (seen & found).any() else True
    if rng.random() < 0.5:  # a slightly wrong neutral
        at, share = rng.choice(np.flatnonzero(found)), rng.uniform(-0.1, 0.15)
        motion, units = motion - share * motion[at], units - share * units[at]
    motion = motion + spread * rng.normal(0, rng.uniform(0.02, 0.15), motion.shape[1])
    motion = motion + spread * rng.normal(0, rng.uniform(0.02, 0.15), motion.shape)
    x = window_features(motion, found)
    return x, window_features(units, np.ones(len(units), bool))[:, :-1]


def batches(
    tracks: Sequence[Track],
    rng: np.random.Generator,
    *,
    name: str = "ordered",
    spread: np.ndarray,
    size: int = 128,
    repeats: int = 2,
    with_units: bool = False,
) -> Iterator[tuple[Tensor, ...]]:
    """Yield the (inputs, labels) of one epoch, or (inputs, labels, units): every clip `repeats` times."""
    order = rng.permutation(np.repeat(np.arange(len(tracks)), repeats))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        drawn = [sample(tracks[i], rng, spread, name=name) for i in rows]
        x, y = (
            torch.from_numpy(np.stack([x for x, _ in drawn])),
            torch.tensor([tracks[i].label for i in rows]),
        )
        yield (x, y, torch.from_numpy(np.stack([u for _, u in drawn]))) if with_units else (x, y)


def spread_of(tracks: Sequence[Track]) -> np.ndarray:
    """Return the size of each feature over clips, (F,) float32: the root mean square, at least 0.004.

    Examples
    --------
    >>> flat = np.zeros((3, 2), np.float32)
    >>> spread_of([Track(flat, flat, np.ones(3, bool), 0, 2, 0, None)]).round(3).tolist()
    [0.004, 0.004]
    """
    rows = np.concatenate([one.motion[one.found] for one in tracks])
    return np.maximum(np.sqrt((rows**2).mean(0)), 0.004).astype(np.float32)


# ---------------------------------------------------------------- degradations


def _remade(sequence: FaceSequence, points: np.ndarray, rows: np.ndarray, fps: float) -> FaceSequence | None:
    """Return the sequence with these frames and landmarks; neutral, motion and apex are found anew."""
    units = None if sequence.units is None else sequence.units[rows]
    try:
        return sequence_from_points(
            points[rows], sequence.crops[rows], fps=fps, source=sequence.source, label=sequence.label,
            subject=sequence.subject, units=units, conditions=sequence.conditions,
        )  # fmt: skip
    except NoFace:
        return None


def drop_frames(sequence: FaceSequence, share: float, rng: np.random.Generator) -> FaceSequence | None:
    """Lose the face in a random share of the frames; None when it is lost in all."""
    points = sequence.points.copy()
    points[rng.random(len(points)) < share] = np.nan
    return _remade(sequence, points, np.arange(len(points)), sequence.fps)


def jitter(sequence: FaceSequence, size: float, rng: np.random.Generator) -> FaceSequence | None:
    """Move every landmark of every frame at random.

    Parameters
    ----------
    sequence : FaceSequence
    size : float, standard deviation as a share of the distance between the outer eye corners
    rng : numpy Generator
    """
    points = sequence.points
    first, second = features.EYE_OUTER
    apart = np.nanmedian(np.linalg.norm(points[:, first] - points[:, second], axis=-1))
    moved = points + rng.normal(0, size * apart, points.shape).astype(np.float32)
    return _remade(sequence, moved, np.arange(len(points)), sequence.fps)


def shorten(sequence: FaceSequence, share: float, rng: np.random.Generator) -> FaceSequence | None:
    """Keep a share of the clip: a random stretch of it, not chosen to hold the apex."""
    frames = len(sequence)
    kept = max(2, round(share * frames))
    start = int(rng.integers(0, frames - kept + 1)) if kept < frames else 0
    return _remade(sequence, sequence.points, np.arange(start, min(frames, start + kept)), sequence.fps)


def thin(sequence: FaceSequence, every: int, rng: np.random.Generator) -> FaceSequence | None:
    """Keep every n-th frame, from a random one of the first n on: a lower frame rate."""
    rows = np.arange(int(rng.integers(0, min(every, len(sequence)))), len(sequence), every)
    return _remade(sequence, sequence.points, rows, sequence.fps / every)
