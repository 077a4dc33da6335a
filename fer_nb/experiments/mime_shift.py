"""The shipped branches on the shifted twin of *validate*: `python -m fer_nb.experiments.mime_shift`.

Same people and classes as *validate*; hair, texture, light, camera, co-occurrence of units and timing are of
families that no training clip shows. It stands beside every accuracy on Mime: what a model loses here, it had
learned of the renderer rather than of faces.
"""

from __future__ import annotations

import time
from typing import Any

from .. import evaluation, mime, results
from ..checkpoints import read_card
from ..clips import Clip
from ..labels import LABELS
from ..prediction import shipped_models
from ..preprocess import face_sequences
from ..training import predict_in_batches
from . import first_path

RECORDS = tuple(f"mime_shift.{name}" for name in ("temporal", "spatial", "fused", "oracle"))


def oracle_says(clips: list[Clip]) -> list[str | None]:
    """Train the network on true action units of *fit*, first session, and ask it about other clips."""
    import numpy as np
    import torch

    data = first_path.Data(mime.block("fit"), mime.block("validate"), [], [])
    model = first_path.train_oracle(data)[0].model
    x = torch.from_numpy(np.stack([first_path.oracle_input(clip) for clip in clips]))
    return [LABELS[i] for i in predict_in_batches(model, x).argmax(1)]


def run() -> list[results.Record]:
    """Measure and record."""
    began = time.perf_counter()
    clips = mime.block("validate", shifted=True)
    faces = face_sequences(clips, key=f"{mime.VERSION}/validate-shift")
    said = {**first_path.answers(faces, shipped_models()), "oracle": oracle_says(clips)}
    truth, subjects = [clip.label or "neutral" for clip in clips], [clip.subject for clip in clips]
    common: dict[str, Any] = {
        "unit": "accuracy", "n": len(clips), "dataset": "mime", "data_version": mime.VERSION,
        "split": f"shifted twin of validate, {len(set(subjects))} people",
        "seeds": (read_card("temporal").seed,),
        "command": "python -m fer_nb.experiments.mime_shift",
    }  # fmt: skip
    made = []
    for name, answers in said.items():
        score = evaluation.evaluate(truth, answers, subjects)
        value, low, high = score.accuracy.value, score.accuracy.low, score.accuracy.high
        note = f"clips; UAR {score.recall.value:.3f}, coverage {score.coverage:.3f}"
        note += "; learned from one session of fit" if name == "oracle" else ""
        seconds = round(time.perf_counter() - began, 1)
        made.append(
            results.record(
                f"mime_shift.{name}", value, low=low, high=high, note=note, seconds=seconds, **common
            )
        )
        results.write(made[-1])
        print(f"{name}: {score.accuracy}\n{score.confusion}")
    return made


if __name__ == "__main__":
    run()
