"""What the experiments of chapter 03 share: data as tracks, one way of training, paired comparisons.

Networks are trained on the first 100 *fit* people; 20 further ones decide at which epoch to stop, so
*validate* is touched by nothing but the final score. Trained weights are kept under the cache.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import mime, results, temporal
from ..cache import cache_dir, load_arrays, save_arrays
from ..evaluation import Interval, bootstrap
from ..labels import LABELS, index
from ..mime import timing
from ..preprocess import FaceSequence, face_sequences, sequence_from_points
from ..sequence_nets import UnitBottleneck, build, unit_loss
from ..time_views import Track, batches, inputs, spread_of, track
from ..training import Plan, fit, predict_in_batches
from . import _units

TRAIN, STOP = 100, 20  # people
HELD = 30  # people of *validate* who act the timing pairs
SEEDS = (0, 1, 2)
SPLIT = f"fit {TRAIN} people to train and {STOP} to stop, session 0; validate 50 people"
SPLIT_PAIRS = f"timing clips, session 0: fit 50 people to train and 10 to stop; validate {HELD} people"
EPOCHS = 15
DRAWS = 1400  # of training examples in an epoch, about
RATE = 3e-3  # of learning, for all; half of it was worse for GRU and transformer on the 20 people who stop
_RECIPE = ("features", "crops", "preprocess", "training", "temporal", "sequence_nets", "time_views",
           "regions", "mime/timing", "experiments/_temporal_lab")  # fmt: skip


@dataclass(frozen=True)
class Material:
    """Clips to learn from, clips to stop by, and clips to be tested on; None where no face was found."""

    train: list[Track]
    stop: list[Track]
    tests: dict[str, list[Track | None]]

    @property
    def width(self) -> int:
        """Features of a step, with the mark of a found face."""
        return self.train[0].motion.shape[1] + 1


# ---------------------------------------------------------------- data


@functools.cache
def faces(block: str, people: int, shifted: bool = False) -> tuple[FaceSequence | None, ...]:
    """Return the traced clips of the first people of a block, session 0."""
    end = "-shift" if shifted else ""
    clips = mime.block(block, people=people, shifted=shifted)
    return tuple(face_sequences(clips, key=f"{mime.VERSION}/{block}{end}"))


def seven(change: Callable[[FaceSequence], Track] = track) -> Material:
    """Return the seven classes: fit to learn, *validate* and its shifted twin to be tested.

    Parameters
    ----------
    change : callable, from a face sequence to a track: named measures by default
    """
    fitting = [s for s in faces("fit", TRAIN + STOP) if s is not None]
    known = {s.subject for s in faces("fit", TRAIN) if s is not None}
    tests = {
        name: [None if s is None else change(s) for s in faces("validate", 50, shifted)]
        for name, shifted in (("validate", False), ("validate-shift", True))
    }
    return Material(
        [change(s) for s in fitting if s.subject in known],
        [change(s) for s in fitting if s.subject not in known],
        tests,
    )


def pairs(*, people: int = 60, stop: int = 10, held: int = HELD) -> Material:
    """Return the two pairs that only timing separates; labels are positions in `mime.timing.KINDS`."""

    def read(block: str, count: int, shifted: bool = False) -> list[Track | None]:
        clips = timing.clips(block, people=count, shifted=shifted)
        key = f"{timing.version()}/{block}{'-shift' if shifted else ''}"
        seen = face_sequences(clips, key=key)
        return [None if s is None else track(s, label=timing.KINDS.index(timing.kind_of(s))) for s in seen]

    fitting = [t for t in read("fit", people) if t is not None]
    last = set(sorted({str(t.subject) for t in fitting})[-stop:])
    return Material(
        [t for t in fitting if t.subject not in last],
        [t for t in fitting if t.subject in last],
        {"validate": read("validate", held), "validate-shift": read("validate", held, True)},
    )


def truly(sequences: Sequence[FaceSequence], clips: Sequence[Any]) -> list[FaceSequence]:
    """Return the sequences with true landmarks in place of detected ones: a diagnostic, no method."""
    return [
        sequence_from_points(c.landmarks, s.crops, fps=s.fps, source=s.source, label=s.label,
                             subject=s.subject, units=s.units, conditions=s.conditions)
        for s, c in zip(sequences, clips, strict=True)
    ]  # fmt: skip


def from_units(sequence: FaceSequence) -> Track:
    """Return a track whose features are the true action units: what the oracle sees."""
    seen = track(sequence)
    assert seen.units is not None
    return replace(seen, motion=seen.units, mirror=seen.units, found=np.ones(len(seen.found), bool))


# ---------------------------------------------------------------- training


@functools.cache
def recipe() -> str:
    """Hash of the data version and of all code that decides the weights."""
    return _units.recipe(mime.VERSION, mime.fingerprint(), modules=_RECIPE)


def new(kind: str, width: int, spread: np.ndarray) -> nn.Module:
    """Make an untrained network that knows the size of its features; "recipe" is a GRU."""
    kind = "gru" if kind == "recipe" else kind
    model = UnitBottleneck(inputs=width) if kind == "bottleneck" else build(kind, inputs=width)
    model.scale[: len(spread)] = torch.from_numpy(spread)  # type: ignore[index, operator]
    return model


def share_right(x: Tensor, y: np.ndarray, model: nn.Module) -> float:
    """Share of inputs (N, T, F) whose label (N,) a network gives."""
    return float((predict_in_batches(model, x).argmax(1).numpy() == y).mean())


def trained(
    name: str,
    kind: str,
    material: Material,
    seed: int,
    *,
    view: str = "ordered",
    sequences: Sequence[FaceSequence] | None = None,
    epochs: int = EPOCHS,
) -> nn.Module:
    """Train a network, or read the one that was trained before.

    Parameters
    ----------
    name : of the data and the kind, for the file
    kind : one of `sequence_nets.KINDS`, "bottleneck", or "recipe": a GRU trained as the shipped one, by
        `temporal.batches` on `sequences`
    material : what to learn from
    seed : of weights and draws
    view : one of `time_views.VIEWS`, for training and for stopping
    """
    spread = spread_of(material.train)
    torch.manual_seed(seed)
    model = new(kind, material.width, spread)
    path = cache_dir() / "experiments" / "temporal" / recipe() / f"{name}-{view}-{epochs}-{seed}.npz"
    if (kept := load_arrays(path)) is not None:
        model.load_state_dict({key: torch.from_numpy(value) for key, value in kept.items()})
        return model.eval()
    drawn: Callable[..., Any] = partial(
        batches, material.train, name=view, spread=spread, with_units=kind == "bottleneck",
        repeats=max(2, round(DRAWS / len(material.train))),
    )  # fmt: skip
    if kind == "recipe":
        assert sequences is not None
        drawn = partial(temporal.batches, sequences)
    held, truth = inputs(material.stop, name=view), np.array([t.label for t in material.stop])
    done = fit(
        model, drawn, partial(share_right, held, truth),
        plan=Plan(epochs=epochs, learning_rate=RATE, patience=epochs, seed=seed),
        loss=unit_loss if kind == "bottleneck" else None, progress=f"{name}, {view}, seed {seed}",
    )  # fmt: skip
    save_arrays(path, {key: value.numpy() for key, value in done.model.state_dict().items()})
    return done.model


def said(
    model: nn.Module, tracks: Sequence[Track | None], *, view: str = "ordered", seed: int = 0
) -> np.ndarray:
    """Return a network's probabilities, (N, 7); NaN where no face was found."""
    out = np.full((len(tracks), len(LABELS)), np.nan, np.float32)
    rows = [i for i, one in enumerate(tracks) if one is not None]
    x = inputs([one for one in tracks if one is not None], name=view, seed=seed)
    out[rows] = predict_in_batches(model, x).numpy()
    return out


# ---------------------------------------------------------------- scores


def right(
    probabilities: np.ndarray, truth: np.ndarray, among: Sequence[Sequence[int]] | None = None
) -> np.ndarray:
    """Return 1.0 where the likeliest class is the true one, (N,); a row of NaN is an error.

    Parameters
    ----------
    probabilities : (N, 7), truth : (N,) int
    among : groups of classes; the answer is then sought in the group of the truth only

    Examples
    --------
    >>> p = np.array([[0.6, 0.3, 0.1], [np.nan] * 3])
    >>> right(p, np.array([1, 1])).tolist(), right(p, np.array([1, 1]), [(0,), (1, 2)]).tolist()
    ([0.0, 0.0], [1.0, 0.0])
    """
    p = np.nan_to_num(probabilities, nan=-1.0)
    if among is not None:
        allowed = np.zeros(p.shape, bool)
        for group in among:
            allowed[np.ix_(np.isin(truth, group), np.array(group))] = True
        p = np.where(allowed, p, -2.0)
    found = np.isfinite(probabilities).all(1)
    return (found & (p.argmax(1) == truth)).astype(float)


def mean_right(hits: np.ndarray, subjects: Sequence[str]) -> Interval:
    """Accuracy of several seeds, (S, N), with its interval over people."""
    each = hits.mean(0)  # (N,)
    return bootstrap(lambda rows: float(each[rows].mean()), subjects)


def difference(one: np.ndarray, other: np.ndarray, subjects: Sequence[str]) -> Interval:
    """Points by which one method beats another on the same clips, hits (S, N); paired, over people.

    Examples
    --------
    >>> difference(np.ones((2, 4)), np.array([[1, 1, 1, 0.0]]), ["a", "a", "b", "b"]).value
    25.0
    """
    each = 100 * (one.mean(0) - other.mean(0))  # (N,)
    return bootstrap(lambda rows: float(each[rows].mean()), subjects)


def truth_of(block: str = "validate", people: int = 50) -> tuple[np.ndarray, list[str]]:
    """Return labels (N,) and people of the clips of a block, faces found or not."""
    clips = mime.block(block, people=people, progress=False)
    return np.array([index(c.label or "neutral") for c in clips]), [str(c.subject) for c in clips]


def truth_of_pairs(people: int = HELD) -> tuple[np.ndarray, list[str]]:
    """Return kinds (N,) and people of the timing clips of *validate*."""
    clips = timing.clips("validate", people=people, progress=False)
    return np.array([timing.KINDS.index(timing.kind_of(c)) for c in clips]), [str(c.subject) for c in clips]


def answer_rows(
    probabilities: np.ndarray, truth: np.ndarray, subjects: Sequence[str], **columns: Any
) -> list[dict[str, Any]]:
    """Return one row for each clip: who, truth, answer, probability of the truth; and the given columns."""
    found = np.isfinite(probabilities).all(1)
    answer = np.where(found, np.nan_to_num(probabilities, nan=-1.0).argmax(1), -1)
    return [
        {**columns, "clip": i, "subject": subjects[i], "truth": int(truth[i]), "answer": int(answer[i]),
         "p_truth": np.float32(probabilities[i, truth[i]])}
        for i in range(len(truth))
    ]  # fmt: skip


def put(id: str, interval: Interval, **fields: Any) -> None:
    """Write a record with its interval."""
    results.write(results.record(id, interval.value, low=interval.low, high=interval.high, **fields))


def write_hypotheses(id: str, held: dict[str, bool], common: dict[str, Any]) -> None:
    """Write how many hypotheses held, and which, in the note."""
    note = "; ".join(f"{name} {'held' if yes else 'failed'}" for name, yes in held.items())
    fields = {**common, "n": len(held), "unit": f"of {len(held)}", "note": note}
    results.write(results.record(id, sum(held.values()), **fields))
