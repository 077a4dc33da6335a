"""What three parts of the shipped system do, one at a time: `python -m fer_nb.experiments.system_parts`.

Nothing is trained. Each part is taken out of the shipped system and all else is left: four of the five
temporal networks; the mirror image that the spatial branch also looks at; the calibrated product, for which
the mean is put in. Scored is the branch that holds the part (for the rule: the fused answer), on the proxies:
the shifted twin of *validate*, and the calm and the smiling faces of London's odd ids.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from .. import fusion_settings, mime, results, spatial
from ..errors import NoFace
from ..evaluation import Interval
from ..labels import LABELS, index
from ..prediction import Models, judge, shipped_models
from ..preprocess import FaceSequence, face_sequence, face_sequences
from . import london
from .fusion_data import over_people

PARTS = {"committee": "temporal", "mirror": "spatial", "calibration": "fused"}  # the answer that is scored
PROXIES = ("shift", "smile.odd", "calm.odd")
RECORDS = tuple(f"parts.{part}.{proxy}" for part in PARTS for proxy in PROXIES)
Faces = Sequence[FaceSequence | None]


class OneSide(nn.Module):
    """A spatial branch that does not look into the mirror, (B, 1, 64, 64) to (B, 7)."""

    def __init__(self, net: spatial.SpatialNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net.head(self.net.maps(x))


def without(part: str, models: Models) -> list[Models]:
    """Return the system without a part; without the committee, that is one system for each member."""
    if part == "committee":
        members: Any = models.temporal.members
        return [replace(models, temporal=member) for member in members]
    if part == "mirror":
        net: Any = models.spatial
        return [replace(models, spatial=OneSide(net).eval())]
    return [replace(models, fusion=fusion_settings.MEAN)]


def hits(faces: Faces, truth: np.ndarray, models: Models, answer: str) -> np.ndarray:
    """Return for each clip whether an answer is right, (N,) float; False without a face."""
    out = np.zeros(len(faces))
    for k, face in enumerate(faces):
        said = None if face is None else getattr(judge(face, models), answer)
        out[k] = said is not None and int(said.argmax()) == truth[k]
    return out


def difference(part: str, faces: Faces, truth: np.ndarray, people: np.ndarray, models: Models) -> Interval:
    """Return what a part adds, in points: with it minus without it, on the same clips, over people."""
    answer = PARTS[part]
    whole = hits(faces, truth, models, answer)
    less = np.mean([hits(faces, truth, other, answer) for other in without(part, models)], axis=0)
    return over_people(100 * (whole - less), people)


def proxies() -> dict[str, tuple[Faces, np.ndarray, np.ndarray]]:
    """Return faces, true classes and people of each proxy."""
    clips = mime.block("validate", shifted=True)
    traced = face_sequences(clips, key=f"{mime.VERSION}/validate-shift")
    shift = np.array([index(c.label or "neutral") for c in clips]), np.array([c.subject for c in clips])
    out: dict[str, Any] = {"shift": (traced, *shift)}
    tests = {"smile.odd": ("smile", "happiness"), "calm.odd": ("same", "neutral")}
    found: dict[str, list[FaceSequence | None]] = {name: [] for name in tests}
    numbers = []
    for number, clips_of in london.pairs("odd"):
        numbers.append(number)
        for name, (test, _) in tests.items():
            try:
                found[name].append(face_sequence(clips_of[test]))
            except NoFace:
                found[name].append(None)
    for name, (_, label) in tests.items():
        out[name] = (found[name], np.full(len(numbers), LABELS.index(label)), np.array(numbers))
    return out


def run() -> list[results.Record]:
    """Measure and record."""
    began = time.perf_counter()
    models, made = shipped_models(), []
    for proxy, (faces, truth, people) in proxies().items():
        for part, answer in PARTS.items():
            gain = difference(part, faces, truth, people, models)
            about: dict[str, Any] = {
                "unit": "points", "n": len(truth), "low": gain.low, "high": gain.high, "seeds": (0,),
                "dataset": "mime" if proxy == "shift" else "london", "data_version": mime.VERSION,
                "split": "shifted twin of validate" if proxy == "shift" else "odd ids",
                "note": f"clips; the {answer} answer with minus without it, all else as shipped",
                "seconds": round(time.perf_counter() - began, 1),
            }  # fmt: skip
            made.append(results.record(f"parts.{part}.{proxy}", gain.value, **about))
            results.write(made[-1])
            print(f"{made[-1].id}: {gain}", flush=True)
    return made


if __name__ == "__main__":
    run()
