"""What short trainings are asked, and how their answers are compared: scores by person, points lost."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import mime, results, spatial, temporal
from ..errors import BadInput
from ..evaluation import Interval, bootstrap
from ..labels import LABELS, index
from ..preprocess import FaceSequence, face_sequences
from ..training import predict_in_batches
from . import _hypotheses, london
from ._arms import Arm, trained

SEEDS = (0, 1, 2)
MIME = ("validate", "shift")
REAL = {
    "temporal": ("london", "london_smile", "london_calm", "london_reversed"),
    "spatial": ("london", "london_smile", "london_calm", "london_pair"),
}
NO_REAL = "no real stills on this machine (set FER_NB_SHARED): their columns are left out"
_HAPPY, _NEUTRAL = index("happiness"), index("neutral")
# test of the real pairs -> pair of stills in `london.pairs`, the label wanted, the still that is asked about
_PAIRS = {"smile": ("smile", _HAPPY, 1), "calm": ("same", _NEUTRAL, 0), "reversed": ("reversed", _NEUTRAL, 0)}


@dataclass(frozen=True)
class Test:
    """Clips to be asked about: inputs of those with a face, and for all of them truth and person.

    Attributes
    ----------
    inputs : (F, ...) tensor for each branch
    found : (N,) bool, F of them True
    wanted : (N,) int, the right label
    people : N names
    """

    inputs: dict[str, Tensor]
    found: np.ndarray
    wanted: np.ndarray
    people: list[str]


@functools.cache
def tests(workers: int | None = None) -> dict[str, Test]:
    """Return what every network is asked: *validate*, its shifted twin, and real stills if there are any."""
    out = {}
    for name in MIME:
        shifted = name == "shift"
        clips = mime.block("validate", shifted=shifted, workers=workers)
        key = f"{mime.VERSION}/validate{'-shift' if shifted else ''}"
        faces = face_sequences(clips, key=key, workers=workers)
        wanted = [index(clip.label or "neutral") for clip in clips]
        out[name] = make_test(faces, wanted, [str(clip.subject) for clip in clips])
    return out | (real_tests(workers) if real() else {})


def real() -> bool:
    """Whether the real stills are on this machine."""
    try:
        london.folder()
    except BadInput:
        return False
    return True


def real_tests(workers: int | None = None) -> dict[str, Test]:
    """Return the pairs of stills of the odd London ids: smile, calm, and reversed, the smile shown first."""
    pairs = list(london.pairs("odd"))
    people = [f"london/{number}" for number, _ in pairs]
    out = {}
    for name, (which, wanted, frame) in _PAIRS.items():
        faces = face_sequences([clips[which] for _, clips in pairs], workers=workers)
        out[f"london_{name}"] = make_test(faces, [wanted] * len(pairs), people, frame=frame)
    return out


def make_test(
    faces: Sequence[FaceSequence | None],
    wanted: Sequence[int],
    people: list[str],
    *,
    frame: int | None = None,
) -> Test:
    """Return traced clips as a test; the still is the apex frame, or the given one."""
    seen = [face for face in faces if face is not None]
    stills = np.stack([face.crops[face.apex if frame is None else frame] for face in seen])
    moving = torch.from_numpy(np.stack([temporal.clip_input(face) for face in seen]))
    found = np.array([face is not None for face in faces])
    return Test({"temporal": moving, "spatial": spatial.to_input(stills)}, found, np.array(wanted), people)


def said(net: nn.Module, branch: str, test: Test) -> np.ndarray:
    """Return the probabilities of a network for every clip of a test, (N, 7); 0 where no face was found."""
    out = np.zeros((len(test.found), len(LABELS)), np.float32)
    out[test.found] = predict_in_batches(net, test.inputs[branch]).numpy()
    return out


def scores(net: nn.Module, branch: str, asked: dict[str, Test]) -> dict[str, np.ndarray]:
    """Return 1.0 for each right answer and 0.0 for a wrong one, (N,), by measure.

    On real stills: `london_smile`, smiles read as happiness; `london_calm`, calm faces read as neutral;
    `london`, the mean of both for each person; `london_reversed` (temporal), a smile that goes away is not
    called happiness; `london_pair` (spatial), of two stills the smile is given more happiness.
    """
    p = {name: said(net, branch, test) for name, test in asked.items()}
    right = {
        name: ((p[name].argmax(1) == test.wanted) & test.found).astype(float) for name, test in asked.items()
    }
    if "london_smile" in asked:
        right["london"] = (right["london_smile"] + right["london_calm"]) / 2
        found = asked["london_reversed"].found & asked["london_calm"].found
        away = p["london_reversed"].argmax(1) != _HAPPY
        more = p["london_smile"][:, _HAPPY] > p["london_calm"][:, _HAPPY]
        right["london_reversed"] = (found & away).astype(float)
        right["london_pair"] = (found & more).astype(float)
    return {name: right[name] for name in MIME + REAL[branch] if name in right}


def scored(
    arm: Arm, branch: str, seeds: Sequence[int] = SEEDS, *, workers: int | None = None
) -> dict[str, np.ndarray]:
    """Train an arm with several seeds and return the right answers by measure, each (S, N)."""
    asked = tests(workers)
    each = [scores(trained(arm, branch, seed, workers=workers), branch, asked) for seed in seeds]
    return {name: np.stack([one[name] for one in each]) for name in each[0]}


def people_of(measure: str, asked: dict[str, Test]) -> list[str]:
    """Return the people behind the rows of a measure."""
    return asked[measure if measure in MIME else "london_smile"].people


def drop(whole: np.ndarray, left: np.ndarray, people: Sequence[str]) -> Interval:
    """Points lost from one arm (S, N) to another (S, N) on the same clips; paired, over people.

    Examples
    --------
    >>> drop(np.ones((2, 4)), np.array([[1, 1, 1, 0.0]]), ["a", "a", "b", "b"]).value
    25.0
    """
    each = 100 * (whole.mean(0) - left.mean(0))  # (N,)
    return bootstrap(lambda rows: float(each[rows].mean()), people)


def share(right: np.ndarray, people: Sequence[str]) -> Interval:
    """Share of right answers of several seeds, (S, N), with its interval over people."""
    each = right.mean(0)
    return bootstrap(lambda rows: float(each[rows].mean()), people)


def hypotheses(prefix: str, held: dict[str, bool], where: str, **common: Any) -> list[results.Record]:
    """Return the records of how many hypotheses held, and of each; their words stand in the file `where`."""
    words = f"{_hypotheses.HELD_OR_NOT}; its words stand in {where}"
    return _hypotheses.hypotheses(prefix, held, common, each={"note": words})
