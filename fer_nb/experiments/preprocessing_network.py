"""The ladder of preprocessing with a network: `python -m fer_nb.experiments.preprocessing_network`.

A smaller sister of the shipped spatial network learns from the stills of 20 people (labels and action units,
as the shipped one does) and is tested on *validate* and its shifted twin: four steps, three seeds.
With augmentation it sees twice as many stills as without: there, no still comes twice, and learning takes
longer. No epoch is chosen on *validate*, the last one counts. For two arms, the accuracy on training people
and on new people is kept along the way: the over-fitting curves of chapter 02.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import mime, results, spatial
from .._parallel import spread
from ..cache import cache_dir, load_arrays, replacing, save_arrays
from ..training import Batch, Plan, fit, predict_in_batches
from . import _units
from . import preprocessing as ladder
from ._preprocessing_records import Answers, gather
from .preprocessing import LOCAL, Arm, Job

PEOPLE, SEEDS = 20, (0, 1, 2)
ARMS = tuple(arm for arm in ladder.LADDER if arm.name in ("frame", "aligned", "normalized", "full"))
STEPS = tuple(arm.name for arm in ARMS)
DRAWS, BATCH = 480, 32  # stills of an epoch and of a step
PLAN = Plan(epochs=16, learning_rate=3e-3, average=0.95, patience=999)
LONGER = 2  # times as many epochs with augmentation
NET: dict[str, Any] = {"growth": 12, "layers": (2, 3, 3), "stem": 12}
WATCHED = ("normalized", "full")
GAINS = {
    "alignment_gain": ("aligned", "frame"),
    "augmentation_gain": ("full", "normalized"),
}
RECORDS = (
    *(f"preprocess.network.{kind}.{arm}" for kind in ("accuracy", "accuracy_shift", "gap") for arm in STEPS),
    *(f"preprocess.network.{name}" for name in GAINS),
)
TABLES = ("preprocess.network.csv", "preprocess.curves.csv")


def jobs() -> list[Job]:
    """List every training: all arms for the first seed, then for the next."""
    return [Job(arm, PEOPLE, seed) for seed in SEEDS for arm in ARMS]


@cache
def folder() -> Path:
    """Return where finished trainings are kept: named after the stills, the settings and the network."""
    settings = (ladder.folder().name, PLAN, LONGER, NET, DRAWS, BATCH, WATCHED)
    name = _units.recipe(*settings, modules=["training"])
    return cache_dir() / "experiments" / "preprocessing_network" / name


class Plain(nn.Module):
    """Three equal channels: stands where `spatial.Normalize` stands, and evens out nothing.

    Examples
    --------
    >>> Plain()(torch.rand(2, 1, 8, 8)).shape
    torch.Size([2, 3, 8, 8])
    """

    def forward(self, x: Tensor) -> Tensor:
        return (2 * x - 1).repeat(1, 3, 1, 1)


def network(arm: Arm) -> spatial.SpatialNet:
    """Return an untrained network; without `Normalize` unless the arm evens out light."""
    net = spatial.SpatialNet(**NET)
    if arm.light != LOCAL:
        net.normalize = Plain()  # type: ignore[assignment]
    return net


def epoch(
    x: Tensor, y: Tensor, units: Tensor, families: Sequence[str], rng: np.random.Generator
) -> Iterator[Batch]:
    """Yield one epoch of `DRAWS` stills from x (M, 1, 64, 64), every still before any comes again.

    Yields
    ------
    x (B, 1, 64, 64), labels (B,), units (B, U)
    """
    rounds = -(-DRAWS // len(x))
    order = np.concatenate([rng.permutation(len(x)) for _ in range(rounds)])[:DRAWS]
    for rows in torch.from_numpy(order).split(BATCH):
        yield ladder.varied(x[rows], families), y[rows], units[rows]


@dataclass
class Watch:
    """Called after every epoch: prefers the last one, and every so often looks at the given sets."""

    sets: Sequence[tuple[Tensor, Tensor]] = ()
    every: int = 1
    epochs: int = 0
    course: list[list[float]] = field(default_factory=list)

    def __call__(self, model: nn.Module) -> float:
        self.epochs += 1
        if self.sets and self.epochs % self.every == 0:
            right = [float((answers(model, x) == y).float().mean()) for x, y in self.sets]
            self.course.append([float(self.epochs), *right])
        return float(self.epochs)


def answers(model: nn.Module, x: Tensor) -> Tensor:
    """Return the label positions that a network answers to (N, 1, 64, 64) stills, (N,)."""
    return predict_in_batches(model, x, size=128).argmax(1)


def train(job: Job) -> dict[str, np.ndarray]:
    """Train one network; return answers as `preprocessing.train` does, and `course` (K, 3) if watched.

    A row of the course holds the epoch, the accuracy on training people and that on *validate*.
    """
    own, arm = ladder.group(job), job.arm
    seen = own["found"]
    x = spatial.to_input(own[arm.cut][seen].reshape(-1, 64, 64))  # (M, 1, 64, 64)
    y = torch.from_numpy(own["labels"][seen]).repeat_interleave(ladder.STILLS)
    units = torch.from_numpy(own["units"][seen]).flatten(0, 1)  # (M, U)
    sets = {"train": own, "validate": ladder.stills("validate"), "shift": ladder.stills("validate", True)}
    apex = {name: spatial.to_input(cuts[arm.cut][:, 0]) for name, cuts in sets.items()}
    longer = LONGER if arm.families else 1
    watch = Watch(every=longer)
    if arm.name in WATCHED:
        watch.sets = [(apex[name], torch.from_numpy(sets[name]["labels"])) for name in ("train", "validate")]
    torch.manual_seed(job.seed)
    model = fit(
        network(arm),
        lambda rng: epoch(x, y, units, arm.families, rng),
        watch,
        plan=replace(PLAN, seed=job.seed, epochs=longer * PLAN.epochs),
        loss=spatial.loss,
    ).model
    out = {name: np.where(sets[name]["found"], answers(model, apex[name]).numpy(), -1) for name in sets}
    return out | {"own": own["labels"], "course": np.array(watch.course, float).reshape(-1, 3)}


def finished(job: Job) -> dict[str, np.ndarray]:
    """Return the outcome of a training, from disk if it was done before."""
    path = folder() / f"{job.arm.name}-{job.people}-{job.seed}.npz"
    kept = load_arrays(path)
    if kept is None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # one process a core, and sums in the same order everywhere
        kept = train(job)
        torch.set_num_threads(threads)
        save_arrays(path, kept)
    return kept


def run(*, workers: int | None = None, progress: bool = True) -> None:
    """Train what is missing, then write the tables and the records."""
    began, todo = time.perf_counter(), jobs()
    truths = {"validate": ladder.stills("validate"), "shift": ladder.stills("validate", shifted=True)}
    ladder.stills("fit")  # made once, before the processes start
    outcomes = spread(finished, todo, workers=workers, progress="preprocessing" if progress else None)
    done = [(job.arm.name, job.people, job.seed, out) for job, out in zip(todo, outcomes, strict=True)]
    write(gather(done, truths), seconds=time.perf_counter() - began)
    _tables(done, truths)


def write(a: Answers, *, seconds: float) -> None:
    """Write every record."""

    def put(id: str, at: Any, per_seed: np.ndarray, *, points: bool, block: str, note: str) -> None:
        scale = 100 if points else 1
        results.write(
            results.record(
                f"preprocess.network.{id}", scale * at.value, low=scale * at.low, high=scale * at.high,
                unit="points" if points else "accuracy", n=len(a.subjects[block]), seeds=SEEDS,
                per_seed=(scale * per_seed).tolist(), dataset="mime", data_version=mime.VERSION,
                split=f"fit {PEOPLE} people, others for each seed, 1 session; {block}",
                seconds=round(seconds, 1), note=f"{note}; over people and seeds",
            )
        )  # fmt: skip

    right = {block: {arm: a.right[block][arm, PEOPLE] for arm in STEPS} for block in a.right}  # (S, N) each
    for arm in STEPS:
        for kind, block in (("accuracy", "validate"), ("accuracy_shift", "shift")):
            at = a.interval(arm, PEOPLE, block)
            put(f"{kind}.{arm}", at, right[block][arm].mean(1), points=False, block=block, note="apex stills")
        gaps = right["train"][arm].mean(1) - right["validate"][arm].mean(1)
        put(f"gap.{arm}", a.gap(arm, PEOPLE), gaps, points=True, block="validate",
            note="apex stills, training people minus validate")  # fmt: skip
    for name, (arm, minus) in GAINS.items():
        at = a.interval(arm, PEOPLE, "validate", minus=minus)
        more = right["validate"][arm].mean(1) - right["validate"][minus].mean(1)
        put(name, at, more, points=True, block="validate", note=f"{arm} minus {minus}, same clips and seeds")


def _tables(done: Sequence[tuple[str, int, int, Any]], truths: Any) -> None:
    """Write one row for each training, and the watched courses."""
    import pandas as pd

    rows, courses = [], []
    for arm, people, seed, out in done:
        who = {"arm": arm, "people": people, "seed": seed}
        known = {"train": out["own"]} | {block: truth["labels"] for block, truth in truths.items()}
        rows.append(who | {b: round(float((out[b] == y).mean()), 5) for b, y in known.items()})
        for number, own, new in out["course"].tolist():
            courses.append(who | {"epoch": int(number), "train": round(own, 5), "validate": round(new, 5)})
    for name, table in zip(TABLES, (rows, courses), strict=True):
        with replacing(results.folder() / name) as path:
            pd.DataFrame(table).to_csv(path, index=False)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, default=None, help="processes; one a core by default")
    run(workers=parser.parse_args().workers)


if __name__ == "__main__":
    main()
