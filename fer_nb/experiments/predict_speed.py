"""What does a prediction cost beyond finding the face? `python -m fer_nb.experiments.predict_speed`.

`predict`, end to end on a video file, against PyAV and a bare MediaPipe face mesh on the same file: all that
comes after the landmarks (alignment, crops, both branches, fusion, timeline) has to fit into the difference.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

from .. import mime, results
from ..overlay import write_video
from ..prediction import predict
from ._race import race, record
from .landmarks_speed import LONG_ENOUGH, bare, mime_clip

RECORDS = ("predict.fps_ratio",)
ROUNDS = 7


def run() -> list[results.Record]:
    """Measure and record."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path, clip = Path(folder) / "mime.mp4", mime_clip()
        write_video(path, clip.iter_frames(), fps=clip.fps)
        roads = partial(predict, path), partial(bare, path)
        for road in roads:
            road()  # not timed: models load
        measured = race(*roads, rounds=ROUNDS)
    return [
        record(
            RECORDS[0], measured, target=0.6, unit="ratio of frames per second",
            dataset="mime", data_version=mime.VERSION, split="fit",
            command="python -m fer_nb.experiments.predict_speed", seconds=time.perf_counter() - began,
            over=f"{LONG_ENOUGH} frames in one mp4",
        )
    ]  # fmt: skip


if __name__ == "__main__":
    print(run()[0])
