"""What does dense connection buy? `python -m fer_nb.experiments.dense_connection`.

Plain, residual and dense networks of equal parameters learn from 20, 50 and 100 *fit* people in one session,
on the same stills in the same order. Training has a fixed length, so nothing is chosen on *validate*; length
and learning rate come from a pilot on other *fit* people. Two rows stand apart: the dense network on the apex
minus own neutral, and one on shuffled labels.

Hypotheses, written down before the run:

dense_over_plain     The dense network reads more clips of *validate* than the plain one, mean over the three
                     sizes; the interval is above 0.
residual_is_enough   Against the residual network it gains less than against the plain one, and that interval
                     holds 0: what helps is the short way for the gradient.
small_data           The gain over the plain network is larger at 20 people than at 100.
smaller_gap          At 20 people, the gap between training people and *validate* is smaller than with plain.
own_neutral          At 100 people, apex minus own neutral reads more clips of the shifted twin than the apex
                     alone; the interval is above 0.
apex_found           The automatic apex loses less than 3 points to the true peak.
peak_frame           A random frame loses more than 10 points to the automatic apex.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import mime, named_stills, own_neutral, results, spatial, splits
from .._parallel import cores, spread
from ..cache import cache_dir, load_arrays, save_arrays
from ..labels import LABELS, index
from ..preprocess import FaceSequence, face_sequences
from ..small_nets import NETS
from ..training import Batch, Plan, fit
from . import _units
from ._dense_report import FRAMES, OWN_NEUTRAL, PEOPLE, RECORDS, SHUFFLED, answers, report

SEEDS = (0, 1, 2)
REPEATS = {20: 10, 50: 4, 100: 2}  # stills of a clip in an epoch: as many steps for each size
EPOCHS = 12
PLAN = Plan(epochs=EPOCHS, learning_rate=2e-3, patience=EPOCHS)  # never stopped early
_RECIPE = ("features", "crops", "preprocess", "training", "spatial", "augment", "shading", "small_nets",
           "own_neutral", "named_stills")  # fmt: skip
_CLOSED = mime.UNITS.index("AU43")  # a blink is no peak
__all__ = ["RECORDS", "Data", "Unit", "load_data", "run", "work"]


@dataclass(frozen=True)
class Unit:
    """One training: which network, on how many people, with which seed."""

    network: str
    people: int
    seed: int

    @property
    def name(self) -> str:
        """Its name in the cache and on the screen."""
        return f"{self.network.replace(' ', '-')}-{self.people}-{self.seed}"


@dataclass(frozen=True)
class Data:
    """Traced faces: of the *fit* people; of *validate* and its shifted twin, None where no face was found."""

    fit: list[FaceSequence]
    held: Mapping[str, list[FaceSequence | None]]
    truth: np.ndarray  # (N,) int, labels of the validate clips, the same in the shifted twin
    subjects: tuple[str | None, ...]

    def first(self, people: int) -> list[FaceSequence]:
        """Return the faces of the first people of *fit*."""
        return [f for f in self.fit if f.conditions["person"] < people]


def units(seeds: Sequence[int] = SEEDS) -> list[Unit]:
    """List all units of work, a whole comparison with one seed after the other."""
    every = [Unit(SHUFFLED, min(PEOPLE), SEEDS[0])]
    for seed in seeds:
        every += [Unit(network, people, seed) for people in PEOPLE for network in NETS]
        every.append(Unit(OWN_NEUTRAL, max(PEOPLE), seed))
    return every


@cache
def recipe() -> str:
    """Hash of everything that decides the logits of a unit."""
    return _units.recipe(mime.VERSION, mime.fingerprint(), PLAN, REPEATS, FRAMES, modules=_RECIPE)


def path_of(unit: Unit) -> Path:
    """Return where the logits of a unit are kept."""
    return cache_dir() / "experiments" / "dense_connection" / recipe() / f"{unit.name}.npz"


def load_data(*, people: int = max(PEOPLE), progress: bool = True) -> Data:
    """Make or read the clips of *fit* (first session), *validate* and its shifted twin."""
    fitting = mime.block("fit", people=people, progress=progress)
    held = {
        "validate": mime.block("validate", progress=progress),
        "validate-shift": mime.block("validate", shifted=True, progress=progress),
    }
    splits.check_disjoint(fitting, held["validate"])
    traced = face_sequences(fitting, key=f"{mime.VERSION}/fit", progress=progress)
    faces = {
        name: face_sequences(clips, key=f"{mime.VERSION}/{name}", progress=progress)
        for name, clips in held.items()
    }
    clips = held["validate"]
    truth = np.array([index(c.label or "neutral") for c in clips])
    return Data([f for f in traced if f is not None], faces, truth, tuple(c.subject for c in clips))


# ---------------------------------------------------------------- one unit


def row_of(sequence: FaceSequence, frame: str, number: int) -> int:
    """Return the frame to read: the automatic apex, the true peak, the last one, or any one with a face.

    Parameters
    ----------
    frame : one of `FRAMES`
    number : of the clip; "random" depends on nothing else
    """
    rows = np.flatnonzero(sequence.found)
    if frame == "apex":
        return sequence.apex
    if frame == "last":
        return int(rows[-1])
    if frame == "random":
        return int(np.random.default_rng((7, number)).choice(rows))
    assert sequence.units is not None
    return int(rows[np.delete(sequence.units, _CLOSED, axis=1).sum(1)[rows].argmax()])


def logits(
    model: torch.nn.Module, unit: Unit, faces: Sequence[FaceSequence | None], frame: str
) -> np.ndarray:
    """Return the logits (N, 7) for one frame of each clip, NaN where no face was found."""
    out = np.full((len(faces), len(LABELS)), np.nan, np.float32)
    found = [number for number, face in enumerate(faces) if face is not None]
    inputs: list[Tensor] = []
    for number in found:
        face = faces[number]
        assert face is not None
        row = row_of(face, frame, number)
        alone = unit.network != OWN_NEUTRAL
        inputs.append(
            spatial.to_input(face.crops[row][None]) if alone else own_neutral.clip_input(face, row=row)
        )
    with torch.no_grad():
        out[found] = torch.cat([model(x) for x in torch.cat(inputs).split(128)]).numpy()
    return out


def epochs(unit: Unit, faces: Sequence[FaceSequence]) -> Iterator[list[Batch]]:
    """Yield the stills of each epoch; they depend on people and seed, not on the network."""
    picture = own_neutral.difference if unit.network == OWN_NEUTRAL else named_stills.crop
    for epoch in range(PLAN.epochs):
        torch.manual_seed(100_000 + 1000 * unit.seed + epoch)
        rng = np.random.default_rng((unit.seed, epoch))
        yield list(named_stills.batches(faces, rng, picture=picture, repeats=REPEATS[unit.people]))


def shuffled(faces: Sequence[FaceSequence]) -> list[FaceSequence]:
    """Give every clip the label of another, drawn without return."""
    labels = np.random.default_rng(0).permutation([f.label or "neutral" for f in faces])
    return [type(f)(**{**vars(f), "label": str(label)}) for f, label in zip(faces, labels, strict=True)]


def train(unit: Unit, drawn: Sequence[list[Batch]]) -> spatial.SpatialNet:
    """Train the network of a unit on stills that were drawn, and return it as it is at the end."""
    torch.manual_seed(unit.seed)
    ahead = iter(drawn)
    plan = Plan(**{**vars(PLAN), "seed": unit.seed})
    net = NETS.get(unit.network, spatial.SpatialNet)()
    fitted = fit(net, lambda rng: next(ahead), lambda model: 0.0, plan=plan, loss=spatial.loss)
    assert isinstance(fitted.model, spatial.SpatialNet)
    return fitted.model


def work(todo: Sequence[Unit], data: Data) -> None:
    """Train units of one size and seed that see the same stills, and keep their logits."""
    faces = data.first(todo[0].people)
    faces = shuffled(faces) if todo[0].network == SHUFFLED else faces
    drawn = list(epochs(todo[0], faces))
    for unit in todo:
        model = train(unit, drawn).eval()
        whole = unit.people == max(PEOPLE) and unit.network in ("dense", OWN_NEUTRAL)
        kept = {"train/apex": logits(model, unit, faces, "apex")}
        kept["train/truth"] = np.array([index(f.label or "neutral") for f in faces])
        for name, held in data.held.items():
            for frame in FRAMES if whole else FRAMES[:1]:
                kept[f"{name}/{frame}"] = logits(model, unit, held, frame)
        save_arrays(path_of(unit), kept)
        right = answers(kept["validate/apex"]) == data.truth
        print(f"dense_connection: {unit.name}: validate accuracy {right.mean():.3f}", flush=True)


def _groups(seeds: Sequence[int] = SEEDS) -> list[list[Unit]]:
    """Put the missing units together that see the same stills."""
    groups: dict[tuple[Any, ...], list[Unit]] = {}
    for unit in units(seeds):
        if not path_of(unit).exists():
            kind = unit.network if unit.network not in NETS else "static"
            groups.setdefault((kind, unit.people, unit.seed), []).append(unit)
    return list(groups.values())


def _group_alone(todo: list[Unit]) -> None:
    """Work on a group in a process of its own, with one thread."""
    torch.set_num_threads(1)
    work(todo, load_data(progress=False))


def run(
    *, seeds: Sequence[int] = SEEDS, workers: int | None = None, progress: bool = True
) -> list[results.Record]:
    """Make what is missing, then write the records, the table and the answers.

    Parameters
    ----------
    seeds : which seeds to train and to report; units that are kept are not trained again
    workers : processes; one a core by default, at most 4
    """
    began = time.perf_counter()
    data = load_data(progress=progress)
    title = "dense connection" if progress else None
    spread(_group_alone, _groups(seeds), workers=workers or min(4, cores()), progress=title)
    kept = {unit: arrays for unit in units(seeds) if (arrays := load_arrays(path_of(unit))) is not None}
    return report(kept, data.truth, data.subjects, seconds=round(time.perf_counter() - began, 1))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, default=None, help="processes (default: one a core)")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many seeds")
    given = parser.parse_args()
    for record in run(seeds=range(given.seeds), workers=given.workers):
        print(f"{record.id}: {record.value:.4f} {record.unit}")


if __name__ == "__main__":
    main()
