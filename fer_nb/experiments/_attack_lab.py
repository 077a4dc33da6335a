"""What the experiments of chapter 06 share: clips to attack, kept units of work, accuracies over people.

Accuracy counts every clip of the block: one in which no face was found is an error before any attack.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import checkpoints, mime, results, spatial
from ..attacks import Attack, Attackable, launch
from ..cache import cache_dir
from ..clips import Clip
from ..evaluation import Interval, bootstrap
from ..labels import index
from ..preprocess import FaceSequence, face_sequences
from . import _units

SPLIT = "validate"  # the test block is looked at once, at the end of the project
_RECIPE = ("features", "crops", "preprocess", "spatial", "temporal", "attacks", "gradient_attacks",
           "image_attacks", "video_attacks", "landmark_attacks", "experiments/_attack_lab")  # fmt: skip


@dataclass(frozen=True)
class Victims:
    """Clips of one block that are attacked, in which a face was found, and those in which none was.

    Attributes
    ----------
    split : name of the block
    clips, faces : of the N clips with a face
    missed : people behind the clips without one
    """

    split: str
    clips: tuple[Clip, ...]
    faces: tuple[FaceSequence, ...]
    missed: tuple[str, ...] = ()

    @property
    def x(self) -> Tensor:
        """Apex crops (N, 1, 64, 64) in [0, 1]."""
        return torch.cat([spatial.clip_input(face) for face in self.faces])

    @property
    def y(self) -> Tensor:
        """True classes (N,)."""
        return torch.tensor([index(face.label or "neutral") for face in self.faces])

    @property
    def people(self) -> list[str]:
        """Who is seen in each clip."""
        return [str(face.subject) for face in self.faces]

    def some(self, each: int, *, seed: int = 0) -> Victims:
        """Return a part: so many clips of each person, drawn without looking; without misses."""
        rng, people = np.random.default_rng(seed), np.array(self.people)
        rows = [rng.permutation(np.flatnonzero(people == who))[:each] for who in sorted(set(self.people))]
        kept = np.sort(np.concatenate(rows))
        return Victims(self.split, tuple(self.clips[i] for i in kept), tuple(self.faces[i] for i in kept))

    def score(self, right: np.ndarray | Tensor) -> Interval:
        """Accuracy from hits (N,), with its interval over people; clips without a face are errors."""
        hits = np.concatenate([np.asarray(right, float), np.zeros(len(self.missed))])
        who = [*self.people, *self.missed]
        return bootstrap(lambda rows: float(hits[rows].mean()), who)

    def __len__(self) -> int:
        return len(self.faces) + len(self.missed)


@functools.cache
def victims(split: str = SPLIT, people: int | None = None) -> Victims:
    """Make or read the clips of a block, session 0, and trace their faces."""
    clips = mime.block(split, people=people)
    faces = face_sequences(clips, key=f"{mime.VERSION}/{split}")
    pairs = [(clip, face) for clip, face in zip(clips, faces, strict=True) if face is not None]
    lost = tuple(str(c.subject) for c, face in zip(clips, faces, strict=True) if face is None)
    return Victims(split, tuple(c for c, _ in pairs), tuple(f for _, f in pairs), lost)


@functools.cache
def recipe() -> str:
    """Hash of the data version, the weights that are attacked, and the code of the attacks."""
    weights = [checkpoints.read_card(name).recipe for name in ("spatial", "temporal")]
    return _units.recipe(mime.VERSION, mime.fingerprint(), *weights, modules=_RECIPE)


def kept(name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return a unit of work: read where it is kept, else made and kept. `name` says all that decides it."""
    return _units.kept(cache_dir() / "experiments" / "attacks" / recipe() / f"{name}.npz", make)


# ---------------------------------------------------------------- attacks with a bound, from small to large


@dataclass(frozen=True)
class Rung:
    """What is left at one bound: hits (N,) after rounding, largest change in 1/255, cost for each picture."""

    level: float
    right: np.ndarray
    largest: float
    queries: float
    gradients: float


def climb(
    name: str,
    make: Callable[[float], Attack],
    model: Attackable,
    x: Tensor,
    y: Tensor,
    levels: Sequence[float],
    *,
    scale: float = 255.0,
    norm: str = "linf",
    carry: bool = True,
    seed: int = 0,
) -> list[Rung]:
    """Attack at rising bounds; what fell at a small bound stays down: its picture keeps larger bounds too.

    Parameters
    ----------
    name : of the unit of work
    make : from epsilon to an attack
    levels : bounds, in 1/`scale`
    carry : False attacks every rightly read picture anew at each bound
    """
    with torch.no_grad():
        right = (torch.cat([model(part) for part in x.split(128)]).argmax(1) == y).numpy()
    clean, rungs = right.copy(), []
    for level in levels:
        rows = np.flatnonzero(right if carry else clean)

        def work(rows: np.ndarray = rows, level: float = level) -> dict[str, np.ndarray]:
            if not rows.size:
                return {"right": np.zeros(0, bool), "cost": np.zeros(3)}
            options: dict[str, Any] = {"epsilon": level / scale, "norm": norm, "seed": seed}
            found = launch(make(level / scale), model, x[rows], y[rows], **options)
            cost = np.array([float(found.levels.max()), found.queries, found.gradients])
            return {"right": (found.logits.argmax(1) == y[rows]).numpy(), "cost": cost}

        unit = kept(f"{name}-{norm}-{level:g}-{seed}-{len(x)}", work)
        right = clean.copy() if not carry else right.copy()
        right[rows] = unit["right"]
        rungs.append(Rung(level, right.copy(), *(float(v) for v in unit["cost"])))
    return rungs


def record(id: str, interval: Interval | float, victims: Victims | None, **fields: Any) -> results.Record:
    """Write a record of this chapter and return it; n counts all clips of the block or part."""
    value = interval if isinstance(interval, Interval) else None
    about: dict[str, Any] = {"dataset": "mime", "data_version": mime.VERSION, "seeds": (0,)}
    if victims is not None:
        about |= {"n": len(victims), "split": victims.split}
    if value is not None:
        about |= {"low": value.low, "high": value.high}
    number = value.value if value is not None else float(interval)  # type: ignore[arg-type]
    made = results.record(id, number, **{**about, **fields})
    results.write(made)
    return made


def hypotheses(id: str, held: dict[str, bool], split: str, **fields: Any) -> results.Record:
    """Write how many hypotheses held, and which, in the note; return the record."""
    note = "; ".join(f"{name} {'held' if yes else 'failed'}" for name, yes in held.items())
    about = {"n": len(held), "unit": "hypotheses", "split": split, "note": note}
    return record(id, float(sum(held.values())), None, **{**about, **fields})


def command_line(run: Callable[..., list[results.Record]], about: str | None) -> None:
    """Read `--split`, run an experiment on it and print its records; `about` is the module's docstring."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--split", default=SPLIT, help="block whose clips are attacked")
    for made in run(split=parser.parse_args().split):
        print(f"{made.id}: {made.value:.4g} [{made.low}, {made.high}]")
