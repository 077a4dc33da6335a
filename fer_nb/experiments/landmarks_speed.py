"""How fast are our landmarks, against PyAV and a bare MediaPipe face mesh?

Both roads read the same video and look for one face in every frame with the same settings, in turns, in
the same process. The record is the median over rounds of the ratio of their frames per second.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from .. import results
from .._mediapipe import quiet
from ..clips import Clip, read_clip
from ..landmarks import FaceTracker, found
from ..overlay import write_video
from ._race import race, record

RECORDS = ("landmarks.throughput_ratio",)
ROUNDS = 9  # timed, after one that is not
LONG_ENOUGH = 300  # frames, so that opening the file is a small part


def ours(path: Path) -> int:
    """Read and find faces our way; return the number of frames with a face."""
    with FaceTracker() as tracker:
        points = np.stack([tracker(frame) for frame in read_clip(path).iter_frames()])  # (T, 478, 3)
    return int(found(points).sum())


def bare(path: Path) -> int:
    """Read and find faces with nothing in between; return the number of frames with a face."""
    import av
    from mediapipe.python.solutions.face_mesh import FaceMesh

    count = 0
    with (
        quiet(),  # its C++ code logs
        av.open(str(path)) as container,
        FaceMesh(static_image_mode=False, max_num_faces=1, refine_landmarks=True) as mesh,
    ):
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            count += mesh.process(frame.to_ndarray(format="rgb24")).multi_face_landmarks is not None
    return count


def ratios(path: Path, *, rounds: int = ROUNDS) -> np.ndarray:
    """Time both roads in turns and return our speed over the bare one's, for each round.

    Parameters
    ----------
    path : Path
        Video of one face.
    rounds : int
        How often. Who goes first alternates.

    Returns
    -------
    ndarray (rounds,)
        Above 1: ours is faster.

    Raises
    ------
    RuntimeError
        If the two roads do not find the same number of faces.
    """
    if (mine := ours(path)) != (theirs := bare(path)):  # this round is not timed: models load
        raise RuntimeError(f"found {mine} and {theirs} faces in the same video")
    return race(partial(ours, path), partial(bare, path), rounds=rounds)


def mime_clip(frames: int = LONG_ENOUGH) -> Clip:
    """Return clips of one synthetic person, one after the other, at least `frames` long."""
    from .. import mime

    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < frames:
        parts += [np.stack(list(clip.iter_frames())) for clip in mime.block("fit", people=1, progress=False)]
    return Clip(np.concatenate(parts)[:frames], 25.0, source="mime fit/0000")


def run() -> list[results.Record]:
    """Measure and write the record."""
    from .. import mime

    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mime.mp4"
        clip = mime_clip()
        write_video(path, clip.iter_frames(), fps=clip.fps)
        measured = ratios(path)
    return [
        record(
            RECORDS[0], measured, target=0.9, unit="ratio of frames per second",
            dataset="mime", data_version=mime.VERSION, split="fit",
            command="python -m fer_nb.experiments.landmarks_speed", seconds=time.perf_counter() - start,
            over=f"{LONG_ENOUGH} frames in one mp4",
        )
    ]  # fmt: skip


if __name__ == "__main__":
    print(run()[0])
