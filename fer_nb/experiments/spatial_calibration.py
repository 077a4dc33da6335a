"""Is the shipped spatial branch as sure as it is right? `python -m fer_nb.experiments.spatial_calibration`.

Reads the apex frames of *validate* and of its shifted twin. Temperatures are fitted on *validate*, for five
groups of people in turn: each group, here and in the shifted twin, gets the temperature of the others.

Hypotheses, written down before the run:

shift_is_too_sure    Confidence minus accuracy is larger on the shifted twin; the interval is above 0.
scaling_helps        The temperature lowers the calibration error on *validate*.
does_not_travel      After it, the error on the shifted twin is still above that on *validate*.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .. import mime, results, spatial
from ..cache import replacing
from ..calibration import scale
from ..errors import BadInput
from ..evaluation import Interval, bootstrap
from ..labels import LABELS, index
from ..preprocess import face_sequences
from ..reliability import cross_fitted, ece, reliability, scaled
from ._hypotheses import hypotheses

BLOCKS = ("validate", "validate-shift")
HYPOTHESES = ("shift_is_too_sure", "scaling_helps", "does_not_travel")
RECORDS = (
    "spatial.ece", "spatial.ece.scaled", "spatial.ece.shift", "spatial.ece.shift.scaled",
    "spatial.temperature", "spatial.too_sure", "spatial.too_sure.shift", "spatial.too_sure.difference",
    "spatial.calibration.hypotheses_held",
    *(f"spatial.calibration.hypotheses_held.{name}" for name in HYPOTHESES),
)  # fmt: skip
ANSWERS, BINS = "spatial_calibration.parquet", "spatial.calibration.csv"


@dataclass(frozen=True)
class Answers:
    """Logits (N, 7) of the clips in which a face was found, their labels (N,), people and numbers (N,)."""

    logits: np.ndarray
    labels: np.ndarray
    subjects: np.ndarray
    clips: np.ndarray


def ask(model: spatial.SpatialNet, block: str) -> Answers:
    """Ask the network about the apex frame of every clip of *validate* or its twin."""
    clips = mime.block("validate", shifted=block.endswith("shift"))
    faces = face_sequences(clips, key=f"{mime.VERSION}/{block}")
    found = [number for number, face in enumerate(faces) if face is not None]
    x = torch.cat([spatial.clip_input(face) for face in faces if face is not None])
    with torch.no_grad():
        z = torch.cat([model(part) for part in x.split(128)]).numpy()
    labels = np.array([index(clips[i].label or "neutral") for i in found])
    return Answers(z, labels, np.array([clips[i].subject for i in found]), np.array(found))


def too_sure(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Confidence minus hit of each answer, (N,); its mean is above 0 where a model is too sure.

    Examples
    --------
    >>> too_sure(np.array([[0.75, 0.25], [0.75, 0.25]]), np.array([0, 1])).mean()
    0.25
    """
    return probabilities.max(1) - (probabilities.argmax(1) == labels)


def temperatures(here: Answers, there: Answers) -> tuple[np.ndarray, np.ndarray]:
    """Fit temperatures on *validate*; return the one of each row here, and of the same person there.

    Raises
    ------
    BadInput
        If a person of the twin is not in *validate*.
    """
    own = cross_fitted(here.logits, here.labels, here.subjects.tolist())
    by_person = dict(zip(here.subjects.tolist(), own.tolist(), strict=True))
    if missing := set(there.subjects.tolist()) - set(by_person):
        raise BadInput(f"calibration: {sorted(missing)[0]} is in the twin only: use the same people")
    return own, np.array([by_person[s] for s in there.subjects.tolist()])


def measure(answers: Mapping[str, Answers]) -> dict[str, Interval]:
    """Return every quantity of the records, with intervals over people."""
    here, there = (answers[block] for block in BLOCKS)
    out: dict[str, Interval] = {}
    sure: dict[str, np.ndarray] = {}
    for end, mine, t in zip(("", ".shift"), (here, there), temperatures(here, there), strict=True):
        plain = scale(mine.logits, 1.0)
        for name, p in ((f"ece{end}", plain), (f"ece{end}.scaled", scaled(mine.logits, t))):
            out[name] = _ece(p, mine)
        sure[end] = too_sure(plain, mine.labels)
        out[f"too_sure{end}"] = _mean(sure[end], mine.subjects)
    both = [np.array([sure[e][a.subjects == s].mean() for s in np.unique(here.subjects)])
            for e, a in (("", here), (".shift", there))]  # fmt: skip
    out["too_sure.difference"] = _mean(both[1] - both[0], np.unique(here.subjects))
    t = temperatures(here, there)[0]
    out["temperature"] = Interval(float(t.mean()), float(t.min()), float(t.max()))
    return out


def _mean(values: np.ndarray, subjects: np.ndarray) -> Interval:
    return bootstrap(lambda rows: float(values[rows].mean()), subjects.tolist())


def _ece(p: np.ndarray, mine: Answers) -> Interval:
    """Return the calibration error; drawing people anew can only add noise, so the interval may lie high."""
    found = bootstrap(lambda rows: ece(p[rows], mine.labels[rows]), mine.subjects.tolist(), resamples=300)
    return Interval(found.value, min(found.low, found.value), max(found.high, found.value))


def verdicts(found: Mapping[str, Interval]) -> dict[str, bool]:
    """Say of each hypothesis whether it held."""
    return {
        "shift_is_too_sure": found["too_sure.difference"].low > 0,
        "scaling_helps": found["ece.scaled"].value < found["ece"].value,
        "does_not_travel": found["ece.shift.scaled"].value > found["ece.scaled"].value,
    }


def table(answers: Mapping[str, Answers]) -> Any:
    """Return one row for each clip: block, clip, person, truth, seven logits, and its temperature."""
    import pandas as pd

    parts = []
    for (block, mine), t in zip(answers.items(), temperatures(*(answers[b] for b in BLOCKS)), strict=True):
        about = {"block": block, "clip": mine.clips, "person": mine.subjects, "truth": mine.labels}
        columns = {name: mine.logits[:, k] for k, name in enumerate(LABELS)}
        parts.append(pd.DataFrame({**about, **columns, "temperature": t.astype(np.float32)}))
    return pd.concat(parts, ignore_index=True)


def bins_table(answers: Mapping[str, Answers]) -> Any:
    """Return the bins of the reliability diagram: one row for block, scaled or not, and bin."""
    import pandas as pd

    parts = []
    both = temperatures(*(answers[b] for b in BLOCKS))
    for block, t in zip(BLOCKS, both, strict=True):
        mine = answers[block]
        for name, p in (("as trained", scale(mine.logits, 1.0)), ("scaled", scaled(mine.logits, t))):
            parts.append(pd.DataFrame({"block": block, "kind": name, **vars(reliability(p, mine.labels))}))
    return pd.concat(parts, ignore_index=True).round(4)


def run() -> list[results.Record]:
    """Ask the shipped network, then write records and answers."""
    began = time.perf_counter()
    model = spatial.load()
    answers = {block: ask(model, block) for block in BLOCKS}
    found = measure(answers)
    held = verdicts(found)
    common = {"dataset": "mime", "data_version": mime.VERSION, "seeds": (0,),
              "seconds": round(time.perf_counter() - began, 1)}  # fmt: skip
    records = []
    for name, value in found.items():
        about = {"split": "validate-shift" if ".shift" in name else "validate", "unit": "probability"}
        about["note"] = "answers of the shipped spatial branch; interval over people"
        if name == "temperature":
            about |= {"unit": "", "note": "fitted on the other people of validate: mean, least, most"}
        n = len(answers[about["split"]].labels)
        records.append(results.record(f"spatial.{name}", value.value, low=value.low, high=value.high, n=n,
                                      **{**common, **about}))  # fmt: skip
    note = "1: held, 0: failed; its words stand in spatial_calibration.py"
    records += hypotheses("spatial.calibration", held, common, each={"note": note})
    for record in records:
        results.write(record)
    with replacing(results.folder() / BINS) as temporary:
        bins_table(answers).to_csv(temporary, index=False)
    with replacing(results.folder() / "predictions" / ANSWERS) as temporary:
        table(answers).to_parquet(temporary, index=False, compression="zstd")
    return records


if __name__ == "__main__":
    for record in run():
        print(f"{record.id}: {record.value:.4f} [{record.low}, {record.high}]")
