"""How good are Mime's faces? The speed of making them, and what a face detector makes of them.

Fills the records `mime.seconds_fit100`, `mime.face_found` and `mime.landmark_nme`.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import mime, results
from ..clips import Clip
from ..evaluation import bootstrap
from ..landmarks import detect_many, found

RECORDS = ("mime.seconds_fit100", "mime.face_found", "mime.landmark_nme")
PEOPLE = 100


def put(id: str, value: float, **fields: Any) -> None:
    """Write one record of this module."""
    command = f"fer-nb results make {id}"
    about = {"dataset": "Mime", "data_version": mime.VERSION, "split": "fit", "command": command}
    results.write(results.record(id, value, **about, **fields))


@contextmanager
def empty_cache() -> Iterator[None]:
    """Work with an empty cache that is gone afterwards."""
    kept = os.environ.get("FER_NB_CACHE")
    with tempfile.TemporaryDirectory(prefix="fer_nb-") as folder:
        os.environ["FER_NB_CACHE"] = folder
        try:
            yield
        finally:
            os.environ.pop("FER_NB_CACHE")
            if kept is not None:
                os.environ["FER_NB_CACHE"] = kept


def seconds_fit100(repeats: int = 3) -> None:
    """Time the making of 100 people x 7 classes x 16 frames from nothing; the record is the median."""
    mime.face(0, {})  # compile before the clock starts
    times, frames = [], 0
    for _ in range(repeats):
        with empty_cache():
            start = time.perf_counter()
            clips = mime.block("fit", people=PEOPLE)
            seconds = time.perf_counter() - start
        frames = sum(len(clip) for clip in clips)
        times.append(seconds * PEOPLE * 7 * 16 / frames)
    note = f"median of {repeats}, {os.cpu_count()} cores, {frames} frames made, scaled to {PEOPLE * 7 * 16}; "
    note += "people painted and frames rendered, JPEG included"
    low, middle, high = np.quantile(times, [0, 0.5, 1]).tolist()
    put("mime.seconds_fit100", middle, unit="s", low=low, high=high, n=repeats,
        direction="down", target=60.0, note=note)  # fmt: skip


def mesh_error(clip: Clip, points: np.ndarray) -> np.ndarray:
    """Return how far detected points lie from the true ones, frame by frame.

    Parameters
    ----------
    clip : a Mime clip of T frames, with true landmarks
    points : (T, 478, 3) detected, pixels; NaN rows where no face was found

    Returns
    -------
    (T',) float, for the frames with a face: mean over points 0 to 467 in the picture plane, over the
    distance of points 33 and 263

    Examples
    --------
    >>> clip = mime.clip("fit", 0, 0, "neutral")
    >>> bool(mesh_error(clip, clip.landmarks).any())
    False
    """
    truth = clip.landmarks
    assert truth is not None
    width = np.linalg.norm(truth[:, 33, :2] - truth[:, 263, :2], axis=-1)  # (T,)
    gaps = np.linalg.norm(points[:, :468, :2] - truth[:, :468, :2], axis=-1).mean(1)  # (T,)
    return (gaps / width)[found(points)]


def landmark_agreement() -> None:
    """Run MediaPipe over 100 people and compare with the true mesh."""
    clips = mime.block("fit", people=PEOPLE)
    points = detect_many(clips)
    people = [clip.subject for clip in clips]
    hits, sizes = np.array([[found(p).sum(), len(p)] for p in points]).T  # (N,), (N,)
    share = bootstrap(lambda rows: float(hits[rows].sum() / sizes[rows].sum()), people)
    put("mime.face_found", share.value, unit="share of frames", low=share.low, high=share.high,
        n=int(sizes.sum()), direction="up", target=0.99, note=f"n frames of {PEOPLE} people")  # fmt: skip
    seen = np.flatnonzero(hits)  # a clip without any face has no error
    errors = np.array([mesh_error(clips[i], points[i]).mean() for i in seen])
    nme = bootstrap(lambda rows: float(errors[rows].mean()), [people[i] for i in seen])
    put("mime.landmark_nme", nme.value, unit="of the distance 33 to 263", low=nme.low, high=nme.high,
        n=len(errors), direction="down", target=0.05,
        note="mean over n clips; points 0 to 467, picture plane")  # fmt: skip


def run() -> None:
    """Fill the records of this module."""
    seconds_fit100()
    landmark_agreement()


if __name__ == "__main__":
    run()
