"""From a clip to what a network should see of a face: aligned crops and motion relative to neutral.

One pass over the frames finds the face, lays it upright into a small grey crop with everything outside the
face oval painted over, and keeps the landmarks. Nothing else of a frame is kept, so memory stays small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from . import features
from .crops import trace, trace_many
from .errors import BadInput, NoFace

if TYPE_CHECKING:
    from .clips import Clip

STEPS = 24  # frames of a resampled window
FEATURES = len(features.NAMES) + 1  # named measures minus neutral, and "was a face found here"


@dataclass(frozen=True)
class FaceSequence:
    """The face of a clip, ready for both branches. Frames without a face are counted, never dropped.

    Attributes
    ----------
    crops : (T, 64, 64) uint8 array, grey, aligned; 0 everywhere where no face was found
    points : (T, 478, 3) float32 array, detected landmarks in pixels of the clip; NaN where none
    found : (T,) bool array
    fps : float, frames per second
    label, subject, source : str or None, as in the clip
    apex : int, the frame with the largest displacement from neutral, blinks left out
    neutral : (478, 3) float array, the clip's own neutral face, upright, in inter-ocular units
    motion : (T, M) float32 array, named measures minus those of the neutral face; NaN where no face
    units : (T, U) float32 array or None, true action units (Mime only)
    conditions : mapping or None (Mime only)
    """

    crops: np.ndarray
    points: np.ndarray
    found: np.ndarray
    fps: float
    label: str | None
    subject: str | None
    source: str
    apex: int
    neutral: np.ndarray
    motion: np.ndarray
    units: np.ndarray | None = None
    conditions: Any = None

    def __len__(self) -> int:
        return len(self.found)

    @cached_property
    def displacement(self) -> np.ndarray:
        """(T,) float array: how far each frame is from neutral, in inter-ocular units; 0 where no face."""
        return displacement(self.motion)


def displacement(motion: np.ndarray) -> np.ndarray:
    """Size of the movement away from neutral in each frame, without the eyelids (a blink is no apex).

    Parameters
    ----------
    motion : (T, M) array of measures minus neutral; NaN where no face

    Returns
    -------
    (T,) float array, root mean square over the measures; a median over 3 frames removes single spikes.

    Examples
    --------
    >>> displacement(np.zeros((4, len(features.NAMES)))).tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    keep = np.delete(np.asarray(motion), features.BLINK, axis=1)
    size = np.nan_to_num(np.sqrt((keep**2).mean(1)), nan=0.0)
    if len(size) < 5:
        return size
    padded = np.pad(size, 1, mode="edge")
    return np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)


def window_features(
    motion: np.ndarray, found: np.ndarray, *, start: int = 0, stop: int | None = None, steps: int = STEPS
) -> np.ndarray:
    """Resample a stretch of motion to a fixed number of steps: what the temporal branch sees.

    Frames without a face are bridged in a straight line and marked in the last feature. Two frames
    become a ramp.

    Parameters
    ----------
    motion : (T, M) array, measures minus neutral, NaN where no face
    found : (T,) bool array
    start, stop : int, the stretch of frames, `stop` excluded; the whole clip by default
    steps : int

    Returns
    -------
    (steps, M + 1) float32 array; all zeros where the stretch has no face.

    Examples
    --------
    >>> ramp = window_features(np.array([[0.0], [1.0]]), np.array([True, True]), steps=3)
    >>> ramp[:, 0].tolist()
    [0.0, 0.5, 1.0]
    """
    stop = len(found) if stop is None else stop
    rows = start + np.flatnonzero(found[start:stop])
    out = np.zeros((steps, motion.shape[1] + 1), np.float32)
    if rows.size == 0:
        return out
    at = np.linspace(start, max(start, stop - 1), steps)
    right = np.clip(np.searchsorted(rows, at), 0, rows.size - 1)
    left = np.maximum(right - 1, 0)
    gap = np.maximum(rows[right] - rows[left], 1)
    share = np.clip((at - rows[left]) / gap, 0, 1)[:, None]
    out[:, :-1] = motion[rows[left]] * (1 - share) + motion[rows[right]] * share
    out[:, -1] = found[np.round(at).astype(int)]
    return out


def sequence_from_points(
    points: np.ndarray,
    crops: np.ndarray,
    *,
    fps: float,
    source: str = "landmarks",
    neutral: np.ndarray | None = None,
    label: str | None = None,
    subject: str | None = None,
    units: np.ndarray | None = None,
    conditions: Any = None,
) -> FaceSequence:
    """Make a `FaceSequence` of landmarks and crops: neutral face, motion, apex.

    Parameters
    ----------
    points : (T, 478, 3) array, pixels; NaN rows where no face
    crops : (T, 64, 64) uint8 array
    fps : float
    source, label, subject, units, conditions : see `FaceSequence`
    neutral : (478, 3) array or None, replaces the automatic neutral reference

    Raises
    ------
    BadInput
        If the landmarks do not have the shape (T, 478, 3).
    NoFace
        If no frame has a face.
    """
    points = np.asarray(points, dtype=np.float32)
    if points.ndim != 3 or points.shape[1:] != (478, 3):
        raise BadInput(f"{source}: landmarks have shape {points.shape}: give (frames, 478, 3)")
    found = np.isfinite(points).all((1, 2))
    if not found.any():
        raise NoFace(f"{source}: no face in any of {len(points)} frames: give a clip in which one is seen")
    if neutral is None:
        quiet = features.quiet_frames(points, found, fps)
        first = features.neutral_frame(points[quiet[0]])
        neutral = np.median(features.align(points[quiet], first), axis=0)
    reference = features.neutral_frame(neutral)
    motion = features.measure(features.align(points, reference)) - features.measure(reference[None])
    return FaceSequence(
        crops=crops,
        points=points,
        found=found,
        fps=float(fps),
        label=label,
        subject=subject,
        source=source,
        apex=int(np.argmax(displacement(motion))),
        neutral=reference,
        motion=motion,
        units=units,
        conditions=conditions,
    )


def face_sequence(clip: Clip) -> FaceSequence:
    """Detect, align and crop a clip in one pass.

    Raises
    ------
    BadInput
        If the clip has no frame.
    NoFace
        If no frame has a face.
    """
    return _sequence(clip, *trace(clip))


def _sequence(clip: Clip, points: np.ndarray, crops: np.ndarray) -> FaceSequence:
    return sequence_from_points(
        points, crops, fps=clip.fps, source=clip.source, label=clip.label, subject=clip.subject,
        units=clip.units, conditions=clip.conditions,
    )  # fmt: skip


def face_sequences(
    clips: Sequence[Clip], *, key: str | None = None, workers: int | None = None, progress: bool = True
) -> list[FaceSequence | None]:
    """Detect, align and crop many clips, over processes, with a cache when a key is given.

    Parameters
    ----------
    clips : sequence of Clip
    key : str or None, a folder name under `cache_dir()/faces`; work that was stopped goes on there
    workers : int or None, processes; the number of cores by default, 1 stays in this process
    progress : bool, a bar on standard error

    Returns
    -------
    list, one entry for each clip; None where no frame has a face, so that coverage can be counted.

    Examples
    --------
    >>> face_sequences([])
    []
    """
    out: list[FaceSequence | None] = []
    traces = trace_many(clips, key=key, workers=workers, progress=progress)
    for clip, (points, crops) in zip(clips, traces, strict=True):
        seen = np.isfinite(points).all((1, 2)).any()
        out.append(_sequence(clip, points, crops) if seen else None)
    return out
