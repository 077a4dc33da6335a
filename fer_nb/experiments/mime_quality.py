"""How good are Mime's faces? Speed, what a face detector makes of them, and who can be told apart.

`run()` fills the records `mime.seconds_fit100`, `mime.face_found`, `mime.landmark_nme`,
`mime.identity_top1` and `mime.style_identity_top1`.
"""

from __future__ import annotations

import os
import tempfile
import time

import numpy as np

from .. import mime, results
from ..clips import Clip
from ..evaluation import bootstrap
from ..landmarks import detect_many, found

RECORDS = (
    "mime.seconds_fit100",
    "mime.face_found",
    "mime.landmark_nme",
    "mime.identity_top1",
    "mime.style_identity_top1",
)
PEOPLE = 100
COMMON = {"dataset": "Mime", "data_version": mime.VERSION, "split": "fit"}


def seconds_fit100(repeats: int = 3) -> None:
    """Time the making of 100 people x 7 classes x 16 frames from nothing; the record is the median."""
    mime.face(0, {})  # compile before the clock starts
    times, frames, kept = [], 0, os.environ.get("FER_NB_CACHE")
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["FER_NB_CACHE"] = folder
            start = time.perf_counter()
            clips = mime.block("fit", people=PEOPLE)
            frames = sum(len(c) for c in clips)
            times.append((time.perf_counter() - start) * PEOPLE * 7 * 16 / frames)
            os.environ.pop("FER_NB_CACHE")
            if kept is not None:
                os.environ["FER_NB_CACHE"] = kept
    note = f"median of {repeats}, {os.cpu_count()} cores, {frames} frames made, scaled to 11,200; people painted and frames rendered, JPEG included"
    results.write(results.record("mime.seconds_fit100", float(np.median(times)), unit="s", low=min(times), high=max(times), n=repeats,
                                 direction="down", target=60.0, note=note, **COMMON))  # fmt: skip


def mesh_error(clip: Clip, points: np.ndarray) -> np.ndarray:
    """Return the error of each frame with a face: mean over 468 points over the distance 33 to 263, (T',)."""
    truth = clip.landmarks
    assert truth is not None
    width = np.linalg.norm(truth[:, 33, :2] - truth[:, 263, :2], axis=-1)  # (T,)
    gaps = np.linalg.norm(points[:, :468, :2] - truth[:, :468, :2], axis=-1).mean(1)  # (T,)
    return (gaps / width)[found(points)]


def landmark_agreement() -> None:
    """Run MediaPipe over 100 people and compare with the true mesh."""
    clips = mime.block("fit", people=PEOPLE)
    points = detect_many(clips)
    seen = [found(p) for p in points]
    people = [c.subject or "" for c in clips]
    hits, sizes = np.array([s.sum() for s in seen]), np.array([len(s) for s in seen])
    share = bootstrap(lambda rows: float(hits[rows].sum() / sizes[rows].sum()), people)
    count = sum(len(s) for s in seen)
    results.write(results.record("mime.face_found", share.value, unit="share of frames", low=share.low, high=share.high,
                                 n=count, direction="up", target=0.99, note=f"{count} frames of {PEOPLE} people", **COMMON))  # fmt: skip
    errors = np.array([mesh_error(c, p).mean() for c, p in zip(clips, points, strict=True)])
    nme = bootstrap(lambda rows: float(errors[rows].mean()), people)
    results.write(results.record("mime.landmark_nme", nme.value, unit="of the distance 33 to 263", low=nme.low, high=nme.high,
                                 n=len(errors), direction="down", target=0.05, note="mean over clips; points 0 to 467, picture plane", **COMMON))  # fmt: skip


def run() -> None:
    """Fill the records of this module."""
    from . import mime_identity

    seconds_fit100()
    landmark_agreement()
    mime_identity.run()


if __name__ == "__main__":
    run()
