"""Clips as plain arrays: frames as JPEG bytes, all else as numbers, so that a cache file needs no pickle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ..clips import Clip
from ..labels import LABELS

# What is known of the making of a clip, with its type; stored as one row of numbers.
CONDITIONS: dict[str, type] = {
    "person": int, "session": int, "shifted": bool, "strength": float,
    "talking": bool, "prototype": int, "returns": bool, "glasses": bool,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class JpegFrames(Sequence):  # type: ignore[type-arg]
    """Frames kept as JPEG bytes and decoded one at a time, on each use: (T, H, W, 3) uint8 RGB.

    Examples
    --------
    >>> frames = JpegFrames((encode(np.zeros((8, 6, 3), np.uint8), 90),) * 3)
    >>> len(frames), frames[0].shape, np.asarray(frames).shape
    (3, (8, 6, 3), (3, 8, 6, 3))
    """

    packed: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, i):  # type: ignore[no-untyped-def]
        if isinstance(i, slice):
            return np.stack([self[k] for k in range(*i.indices(len(self)))])
        return cv2.cvtColor(cv2.imdecode(self.packed[i], cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.stack(list(self)).astype(dtype or np.uint8)


def encode(image: np.ndarray, quality: float) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 RGB as JPEG bytes (N,) uint8; `quality` is 1 to 100.

    Examples
    --------
    >>> encode(np.zeros((8, 8, 3), np.uint8), 90)[:2]  # the mark of a JPEG file
    array([255, 216], dtype=uint8)
    """
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1].ravel()


def pack(clips: Sequence[Clip]) -> dict[str, np.ndarray]:
    """Return Mime clips as arrays: all frames one after another, and one row of the rest for each clip.

    Returns
    -------
    dict
        `bytes` (B,) uint8 and `sizes` (F,) of the F frames of all clips; `lengths`, `fps` and `labels`
        (N,) of the N clips; `landmarks` (F, 478, 3), `units` (F, U), `conditions` (N, 8).
    """
    frames = [frame for clip in clips for frame in clip.frames.packed]  # type: ignore[union-attr]
    return {
        "bytes": np.concatenate(frames),
        "sizes": np.array([len(frame) for frame in frames]),
        "lengths": np.array([len(clip) for clip in clips]),
        "landmarks": np.concatenate([clip.landmarks for clip in clips]),  # type: ignore[misc]
        "units": np.concatenate([clip.units for clip in clips]),  # type: ignore[misc]
        "fps": np.array([clip.fps for clip in clips]),
        "labels": np.array([LABELS.index(clip.label or "") for clip in clips]),
        "conditions": np.array(
            [[float((clip.conditions or {})[key]) for key in CONDITIONS] for clip in clips]
        ),
    }


def unpack(arrays: dict[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """Yield what was packed, clip by clip: label, conditions, frames, fps, landmarks and units."""
    frames = np.split(arrays["bytes"], np.cumsum(arrays["sizes"])[:-1])
    ends = np.cumsum(arrays["lengths"])
    for i, end in enumerate(ends):
        here = slice(end - arrays["lengths"][i], end)
        row = zip(CONDITIONS.items(), arrays["conditions"][i], strict=True)
        yield {
            "label": LABELS[arrays["labels"][i]],
            "conditions": {key: kind(value) for (key, kind), value in row},
            "frames": JpegFrames(tuple(frames[here])),
            "fps": float(arrays["fps"][i]),
            "landmarks": arrays["landmarks"][here],
            "units": arrays["units"][here],
        }
