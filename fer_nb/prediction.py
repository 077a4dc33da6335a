"""The whole system on one clip: find the face, ask both branches, fuse, and say what happens when.

The label of a clip is that of its most expressive window: short, strong expressions count, and "neutral"
wins only when no window is expressive. The timeline says which expression is seen at which second.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from . import fusion_settings, spatial, temporal
from .clips import Clip, read_clip
from .errors import BadInput, FerError
from .labels import LABELS
from .preprocess import FaceSequence, face_sequence, window_features
from .timeline import named, segments
from .training import predict_in_batches

WINDOW = 1.6  # seconds of the windows that the clip's answer is chosen from
STRIDE = 0.2  # seconds between two of them
GLANCE = 0.6  # seconds around a moment that the timeline looks at
TICK = 0.067  # seconds, about, between two moments of the timeline
_NEUTRAL = LABELS.index("neutral")


@dataclass(frozen=True)
class Models:
    """The two branches, ready to be asked, and how their answers are fused: by their mean unless told."""

    temporal: nn.Module
    spatial: nn.Module
    device: str = "cpu"
    fusion: fusion_settings.Settings = fusion_settings.MEAN


@dataclass(frozen=True)
class Answer:
    """What the branches and their fusion say of a clip: probabilities (7,), from one window of frames."""

    temporal: np.ndarray | None
    spatial: np.ndarray
    fused: np.ndarray
    window: tuple[int, int]
    apex: int

    @property
    def label(self) -> str:
        """The class with the highest fused probability."""
        return LABELS[int(self.fused.argmax())]


@dataclass(frozen=True)
class Prediction:
    """What the system says about a clip.

    Attributes
    ----------
    source : str
    label : str, the class with the highest fused probability
    probabilities : dict with "temporal", "spatial", "fused", each label to probability, or None where a
        branch cannot run (the temporal one needs two frames with a face)
    timeline : list of {"start", "end", "label", "probabilities"}, in seconds, without gaps from 0 to the
        clip's end; label and probabilities are None in stretches without a face
    frames, frames_with_face : int
    fps, seconds : float, frame rate and duration of the clip
    runtime_seconds : float, what the prediction took
    sequence : FaceSequence, crops and landmarks of each frame, for plots
    window : (int, int), the frames of the window that gave the answer, the last one excluded
    apex : int, the frame that the spatial branch judged
    ticks : (K,) array of seconds, and `course` (K, 7), the fused probabilities then; NaN without a face
    """

    source: str
    label: str
    probabilities: dict[str, dict[str, float] | None]
    timeline: list[dict[str, Any]]
    frames: int
    frames_with_face: int
    fps: float
    seconds: float
    runtime_seconds: float
    sequence: FaceSequence = field(repr=False, compare=False)
    window: tuple[int, int] = (0, 0)
    apex: int = 0
    ticks: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False, compare=False)
    course: np.ndarray = field(default_factory=lambda: np.zeros((0, len(LABELS))), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return what the command line prints: plain values, no arrays."""
        names = (
            "source",
            "label",
            "probabilities",
            "timeline",
            "frames",
            "frames_with_face",
            "fps",
            "seconds",
        )
        return {name: getattr(self, name) for name in (*names, "runtime_seconds")}


@lru_cache(maxsize=4)
def shipped_models(device: str = "cpu") -> Models:
    """Load the shipped branches, once per device.

    Raises
    ------
    BadInput
        If the weights are missing or damaged, or the device does not exist.
    """
    from .mime import VERSION

    where = check_device(device)
    return Models(
        temporal.load(data_version=VERSION, device=where),
        spatial.load(data_version=VERSION, device=where),
        where,
        fusion_settings.shipped_settings(),
    )


def check_device(device: str) -> str:
    """Return the name of a device that torch can use; "auto" takes a GPU where there is one.

    Raises
    ------
    BadInput
        If torch does not know the device or cannot use it here.

    Examples
    --------
    >>> check_device("cpu")
    'cpu'
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise BadInput(f"device {device!r} cannot be used here: give cpu, or auto") from None
    return device


def predict(clip: str | Path | Clip, *, device: str = "cpu", models: Models | None = None) -> Prediction:
    """Say which expression a clip shows, and when.

    Parameters
    ----------
    clip : path of a video, an image, or a folder of frames; or a Clip
    device : str, where the branches run: "cpu", "cuda", "auto"
    models : Models or None, the shipped ones by default

    Returns
    -------
    Prediction

    Raises
    ------
    BadInput
        If the clip cannot be read.
    NoFace
        If no frame shows a face.
    """
    began = time.perf_counter()
    models = models or shipped_models(device)
    clip = clip if isinstance(clip, Clip) else read_clip(clip)
    sequence = face_sequence(clip)
    answer = judge(sequence, models)
    ticks, course = _course(sequence, models)
    seconds = len(sequence) / sequence.fps
    return Prediction(
        source=sequence.source,
        label=answer.label,
        probabilities={name: named(getattr(answer, name)) for name in ("temporal", "spatial", "fused")},
        timeline=segments(ticks, course, seconds=seconds),
        frames=len(sequence),
        frames_with_face=int(sequence.found.sum()),
        fps=sequence.fps,
        seconds=seconds,
        runtime_seconds=time.perf_counter() - began,
        sequence=sequence,
        window=answer.window,
        apex=answer.apex,
        ticks=ticks,
        course=course,
    )


def judge(sequence: FaceSequence, models: Models) -> Answer:
    """Ask both branches about a clip that is already traced, and fuse."""
    window, moving = _most_expressive(sequence, models)
    apex = _apex(sequence, window)
    crop = spatial.to_input(sequence.crops[apex][None])  # (1, 1, 64, 64)
    still = predict_in_batches(models.spatial, crop, device=models.device).numpy()[0]
    return Answer(moving, still, fusion_settings.fuse(models.fusion, moving, still), window, apex)


def predict_many(
    paths: Iterable[str | Path], *, device: str = "cpu"
) -> Iterator[tuple[str, Prediction | FerError]]:
    """Predict several clips one after the other; a clip that fails yields its error and the rest go on.

    Raises
    ------
    BadInput
        If one path is given instead of several.
    """
    if isinstance(paths, str | Path):
        raise BadInput(f"{paths}: one path where several are wanted: give a list, [path]")
    return _each(paths, device)


def _each(paths: Iterable[str | Path], device: str) -> Iterator[tuple[str, Prediction | FerError]]:
    models = shipped_models(device)
    for path in paths:
        try:
            yield str(path), predict(path, models=models)
        except FerError as error:
            yield str(path), error


def _windows(frames: int, fps: float) -> list[tuple[int, int]]:
    """Windows of `WINDOW` seconds over a clip, both ends covered; a short clip is one window."""
    length = max(2, round(WINDOW * fps))
    if frames <= 1.6 * length:
        return [(0, frames)]
    step = max(1, round(STRIDE * fps))
    starts = sorted({*range(0, frames - length, step), frames - length})
    return [(start, start + length) for start in starts]


def _most_expressive(sequence: FaceSequence, models: Models) -> tuple[tuple[int, int], np.ndarray | None]:
    """Choose the window least likely to be neutral; with it come the temporal branch's probabilities."""
    if sequence.found.sum() < 2:
        return (0, len(sequence)), None
    windows = [w for w in _windows(len(sequence), sequence.fps) if sequence.found[slice(*w)].sum() >= 2]
    if not windows:
        return (0, len(sequence)), _ask(sequence, models, [(0, len(sequence))])[0]
    says = _ask(sequence, models, windows)  # (W, 7)
    best = int(says[:, _NEUTRAL].argmin())
    return windows[best], says[best]


def _ask(sequence: FaceSequence, models: Models, windows: list[tuple[int, int]]) -> np.ndarray:
    """Return the temporal branch's probabilities (W, 7) for stretches of frames."""
    x = [window_features(sequence.motion, sequence.found, start=a, stop=b) for a, b in windows]
    return predict_in_batches(models.temporal, torch.from_numpy(np.stack(x)), device=models.device).numpy()


def _apex(sequence: FaceSequence, window: tuple[int, int]) -> int:
    """Return the frame of a window that is farthest from neutral."""
    size = np.where(sequence.found, sequence.displacement, -1.0)
    return window[0] + int(size[slice(*window)].argmax())


def _course(sequence: FaceSequence, models: Models) -> tuple[np.ndarray, np.ndarray]:
    """Return moments (K,) in seconds and the fused probabilities (K, 7) there; NaN without a face.

    What the branches say of a moment counts as far as the expression is present then (`presence`); the
    rest of the probability goes to neutral.
    """
    fps, frames = sequence.fps, len(sequence)
    middles = np.unique(np.append(np.arange(0, frames, max(1, int(TICK * fps))), frames - 1))
    half = max(1, round(GLANCE * fps / 2))
    course = np.full((len(middles), len(LABELS)), np.nan)
    seen = np.flatnonzero(sequence.found[middles])
    if seen.size:
        crops = spatial.to_input(sequence.crops[middles[seen]])
        stills = predict_in_batches(models.spatial, crops, device=models.device).numpy()
        around = [(max(0, m - half), min(frames, m + half + 1)) for m in middles[seen]]
        moving = _ask(sequence, models, around) if sequence.found.sum() > 1 else None
        there = presence(sequence.displacement, fps)[middles[seen], None] if moving is not None else 1.0
        rest = np.eye(len(LABELS))[_NEUTRAL]
        course[seen] = there * fusion_settings.fuse(models.fusion, moving, stills) + (1 - there) * rest
    return middles / fps, course


def presence(displacement: np.ndarray, fps: float) -> np.ndarray:
    """Say how far an expression is there in each frame, 0 to 1.

    An expression lasts from half of its rise to half of its fall (the full width at half maximum), measured
    against the largest displacement within a second on either side.

    Examples
    --------
    >>> presence(np.array([0.0, 0.01, 0.05, 0.1, 0.1, 0.04, 0.0]), 10.0).round(1).tolist()
    [0.0, 0.0, 0.5, 1.0, 1.0, 0.1, 0.0]
    """
    reach = max(1, round(fps))
    padded = np.pad(displacement, reach, mode="edge")
    peak = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(1)  # (T,)
    return 1 / (1 + np.exp(-(displacement / np.maximum(peak, 1e-9) - 0.5) / 0.05))
