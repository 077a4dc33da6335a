"""Finding the face in every frame and cutting it out: one pass, one frame in memory, cached by chunks.

A crop is grey, upright, 64 pixels wide, and holds nothing but the oval of the face: no hair, no backdrop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ._parallel import cores, spread
from .cache import cache_dir, load_arrays, save_arrays
from .errors import BadInput
from .landmarks import FaceTracker

if TYPE_CHECKING:
    from .clips import Clip

SIZE = 64  # side of a crop, pixels
FORMAT = 1  # raise when crops or points change: cached ones of another format are remade
_EYES_AT = (32.0, 21.0)  # where the midpoint between the eyes lands in the crop
_EYE_SPAN = 30.0  # pixels between the outer eye corners in the crop
_SUPERSAMPLE = 4  # crops are drawn this much larger and averaged down, against aliasing
_CHUNK = 70  # clips in one cache file
_TEXT = "finding faces"
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
        148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip


def crop_face(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Cut an upright grey face of fixed size out of an image and paint over all but its oval.

    Parameters
    ----------
    image : (H, W, 3) or (H, W) uint8 array
    points : (478, 3) array, landmarks in pixels of the image

    Returns
    -------
    (64, 64) uint8 array; outside the face oval it holds the mean gray of the inside.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> crop_face(np.full((90, 90, 3), 200, np.uint8), rng.uniform(20, 70, (478, 3))).shape
    (64, 64)
    """
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    matrix = upright(points) * _SUPERSAMPLE
    side = SIZE * _SUPERSAMPLE
    large = cv2.warpAffine(gray, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    outline = in_crop(points, matrix)[list(OVAL)]
    blank = np.zeros((side, side), np.uint8)
    mask = cv2.fillPoly(blank, [np.round(outline).astype(np.int32)], 1).astype(bool)
    if mask.any():
        large = np.where(mask, large, np.uint8(round(float(large[mask].mean()))))
    return cv2.resize(large, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def upright(points: np.ndarray) -> np.ndarray:
    """Return the similarity (2, 3) that takes pixels of an image to pixels of its crop.

    Parameters
    ----------
    points : (478, 3) array, landmarks in pixels of the image

    Examples
    --------
    >>> face = np.zeros((478, 3))
    >>> face[[33, 133, 362, 263], 0] = [10, 20, 30, 40]
    >>> in_crop(face, upright(face))[[33, 263]].tolist()
    [[17.0, 21.0], [47.0, 21.0]]
    """
    p = np.asarray(points, dtype=np.float64)
    eyes = p[[33, 133, 362, 263]].mean(0)
    across = p[263] - p[33]
    scale = _EYE_SPAN / max(float(np.linalg.norm(across)), 1e-6)  # 3-D length: a turned face keeps its size
    angle = np.arctan2(across[1], across[0])
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[c, s], [-s, c]])
    return np.c_[turn, np.array(_EYES_AT) - turn @ eyes[:2]]


def in_crop(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return where landmarks (478, 3) fall under a similarity from `upright`, (478, 2)."""
    return np.asarray(points, dtype=np.float64)[:, :2] @ matrix[:, :2].T + matrix[:, 2]


def _working_copy(frame: np.ndarray) -> tuple[np.ndarray, float]:
    """Bring a frame to a size the detector likes: at most 720 pixels, tiny ones enlarged."""
    largest = max(frame.shape[:2])
    factor = 720 / largest if largest > 720 else 256 / largest if largest < 96 else 1.0
    if factor == 1.0:
        return frame, 1.0
    size = (max(1, round(frame.shape[1] * factor)), max(1, round(frame.shape[0] * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(frame, size, interpolation=how), factor


def trace(clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    """Find and crop the face in every frame, in one pass that holds one frame at a time.

    A clip slower than 5 frames a second is a set of stills: each is searched afresh.

    Returns
    -------
    points : (T, 478, 3) float32 array, pixels of the clip; NaN where no face
    crops : (T, 64, 64) uint8 array; 0 where no face
    """
    points: list[np.ndarray] = []
    crops: list[np.ndarray] = []
    with FaceTracker.static() if clip.fps < 5 else FaceTracker() as tracker:
        for frame in clip.iter_frames():
            small, factor = _working_copy(frame)
            mesh = tracker(small)  # (478, 3)
            seen = bool(np.isfinite(mesh).all())
            crops.append(crop_face(small, mesh) if seen else np.zeros((SIZE, SIZE), np.uint8))
            points.append((mesh / factor).astype(np.float32))
    if not points:
        raise BadInput(f"{clip.source}: holds no frame: give a video or folder with at least one image")
    return np.stack(points), np.stack(crops)


def trace_many(
    clips: Sequence[Clip], *, key: str | None = None, workers: int | None = None, progress: bool = True
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Trace many clips over processes: (points, crops) of each, in order.

    With a `key` the results are kept in chunks under `cache_dir()/faces/<key>`, so that work that was
    stopped goes on where it was.
    """
    chunks = [clips[i : i + _CHUNK] for i in range(0, len(clips), _CHUNK)]
    if key is None:
        return spread(trace, clips, workers=workers, progress=_TEXT if progress and len(clips) > 1 else None)
    paths = [cache_dir() / "faces" / key / f"{number:04d}.npz" for number in range(len(chunks))]
    kept = [_load(path, chunk) for path, chunk in zip(paths, chunks, strict=True)]
    missing = [i for i, traces in enumerate(kept) if traces is None]
    jobs = [(chunks[i], paths[i]) for i in missing]
    if len(jobs) > 1 and workers is None:
        workers = min(cores(), len(jobs))
    fresh = spread(_job, jobs, workers=workers, progress=_TEXT if progress else None)
    for i, traces in zip(missing, fresh, strict=True):
        kept[i] = traces
    return [pair for traces in kept if traces is not None for pair in traces]


def _job(job: tuple[Sequence[Clip], Path]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Trace one chunk and keep it."""
    chunk, path = job
    traces = [trace(clip) for clip in chunk]
    _store(path, chunk, traces)
    return traces


def _stamp(chunk: Sequence[Clip]) -> np.ndarray:
    """Digest of what a cache file holds: format, and source, length and middle frame of each clip."""
    digest = hashlib.sha256(f"{FORMAT} {SIZE}".encode())
    for clip in chunk:
        digest.update(f"{clip.source} {len(clip)} {clip.fps:.4f}".encode())
        digest.update(np.ascontiguousarray(clip.frames[len(clip) // 2]).tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def _store(path: Path, chunk: Sequence[Clip], traced: list[tuple[np.ndarray, np.ndarray]]) -> None:
    lengths = np.array([len(points) for points, _ in traced])
    points, crops = (np.concatenate([pair[i] for pair in traced]) for i in (0, 1))
    save_arrays(path, {"stamp": _stamp(chunk), "lengths": lengths, "points": points, "crops": crops})


def _load(path: Path, chunk: Sequence[Clip]) -> list[tuple[np.ndarray, np.ndarray]] | None:
    kept = load_arrays(path)
    if kept is None or not np.array_equal(kept.get("stamp", np.zeros(0)), _stamp(chunk)):
        return None
    cuts = np.cumsum(kept["lengths"])[:-1]
    return list(zip(np.split(kept["points"], cuts), np.split(kept["crops"], cuts), strict=True))
