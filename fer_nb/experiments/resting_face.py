"""Do Mime's people rest as real people do? `python -m fer_nb.experiments.resting_face`.

The opening between the lips of the clip's own neutral face, as detected: calm clips of *validate* against
calm portraits of the London Set's development half. Found while asking why stills of real faces are misread.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from .. import features, mime, results
from ..evaluation import bootstrap
from ..preprocess import FaceSequence, face_sequence, face_sequences
from . import london

RECORDS = ("mime.resting_lip_opening", "real.london_resting_lip_opening.odd")


def lip_openings(faces: Sequence[FaceSequence]) -> np.ndarray:
    """Return the distance between the inner lips of each clip's neutral face, (N,), inter-ocular units."""
    neutral = np.stack([face.neutral for face in faces])  # (N, 478, 3)
    return features.measure(neutral)[:, features.NAMES.index("lip_opening_inner")]


def _put(id: str, faces: Sequence[FaceSequence], split: str, dataset: str, began: float) -> results.Record:
    opening = lip_openings(faces)
    mean = bootstrap(lambda rows: float(opening[rows].mean()), [face.subject for face in faces])
    made = results.record(
        id, mean.value, low=mean.low, high=mean.high, n=len(faces), unit="inter-ocular distance",
        dataset=dataset, data_version=mime.VERSION, split=split,
        seconds=round(time.perf_counter() - began, 1), note="people at rest; mean opening of the inner lips",
    )  # fmt: skip
    results.write(made)
    return made


def run() -> list[results.Record]:
    """Measure and record both; without the London Set, the first alone."""
    began = time.perf_counter()
    traced = face_sequences(mime.block("validate"), key=f"{mime.VERSION}/validate")
    calm = [face for face in traced if face is not None and face.label == "neutral"]
    ours = _put(RECORDS[0], calm, "validate, neutral clips", "mime", began)
    real = [face_sequence(clips["same"]) for _, clips in london.pairs("odd")]
    return [ours, _put(RECORDS[1], real, "odd ids", "london", began)]


if __name__ == "__main__":
    for made in run():
        print(made.id, made.value, made.low, made.high)
