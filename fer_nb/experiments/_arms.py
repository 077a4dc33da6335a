"""Arms of the studies of ingredients and of people: their clips, and short trainings on them.

An *arm* is one set of training clips: the first people of *fit*, session 0, with one ingredient left out or
none. Each arm trains short versions of both branches, always with as many draws, whatever the number of
people. Nothing is chosen: the weights after the last epoch count. Clips, traces and weights are kept in the
cache, so a run that was stopped goes on where it stopped.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import cache, mime, spatial, temporal
from .._parallel import cores, spread
from ..clips import Clip
from ..errors import BadInput
from ..labels import LABELS
from ..mime import blocks
from ..mime.packing import pack, unpack
from ..mime.populations import LICENCE, bare, subject_id
from ..preprocess import FaceSequence, face_sequences
from ..training import Plan, fit
from . import _units
from ._switches import INGREDIENTS, without

PEOPLE = 50  # of *fit*, session 0, in each arm of the study of ingredients
BRANCHES = ("temporal", "spatial")
PLANS = {
    "temporal": Plan(epochs=4, learning_rate=3e-3),
    "spatial": Plan(epochs=7, learning_rate=4e-3),
}
DRAWS = {"temporal": 2800, "spatial": 1400}  # training examples in an epoch
SIZES = {"temporal": 32, "spatial": 32}  # examples in a batch
GROUP = 5  # people in one file of clips
TRACED = 10  # people in one file of traces, which other experiments read as well: it is made whole
_RECIPE = ("features", "crops", "preprocess", "training", "temporal", "spatial", "augment", "shading",
           "experiments/_switches", "experiments/_arms")  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """Training clips: what is left out of them ("" for nothing), how many people, which takes."""

    left_out: str = ""
    people: int = PEOPLE
    takes: int = 0  # the seed of the data: another one gives other sessions of the same people

    @property
    def name(self) -> str:
        """Its name in the cache and on the screen."""
        return f"{self.left_out or 'all'}-people{self.people}-takes{self.takes}"

    @property
    def drawn(self) -> bool:
        """Whether its clips are others than those of `mime.block`."""
        return bool(self.left_out) and INGREDIENTS[self.left_out].drawn


# ---------------------------------------------------------------- clips


@functools.cache
def version() -> str:
    """Return the name of the folder of clips: it changes when pictures or the switches change."""
    source = bare((_units.PACKAGE / "experiments/_switches.py").read_text(encoding="utf-8"))
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    return f"{mime.VERSION}-{mime.fingerprint()}-ingredients-{digest}"


Job = tuple[Path, str, int, int]  # file, ingredient left out, first person, last


def make_group(job: Job) -> None:
    """Make the clips of a few *fit* people with an ingredient left out, and save them."""
    path, left_out, first, last = job
    made: list[Clip] = []
    with without(left_out):
        for person in range(first, last):
            model = blocks.dressed("fit", person, 0)
            made += [blocks.perform(model, "fit", person, 0, label, 0, False) for label in LABELS]
    cache.save_arrays(path, pack(made))


def _read_group(job: Job) -> list[Clip]:
    """Read the clips of a few people; make them again if the file was damaged since."""
    arrays = cache.load_arrays(job[0])
    if arrays is None:
        make_group(job)
        arrays = cache.load_arrays(job[0]) or {}
    clips = []
    for fields in unpack(arrays):
        subject = subject_id("fit", fields["conditions"]["person"])
        source = f"{subject}/s0/{fields['label']} without {job[1]}"
        clips.append(Clip(subject=subject, source=source, licence=LICENCE, **fields))
    return clips


def clips_of(arm: Arm, *, workers: int | None = None) -> list[Clip]:
    """Return the clips of an arm, by person and then by label; made where they are missing.

    About 1.1 s of one core for each person.
    """
    if not arm.drawn:
        return mime.block("fit", people=arm.people, seed=arm.takes, workers=workers)
    home = cache.cache_dir() / version() / arm.left_out
    jobs: list[Job] = [
        (home / f"people-{first:04d}.npz", arm.left_out, first, first + GROUP)
        for first in range(0, arm.people, GROUP)
    ]
    todo = [job for job in jobs if not job[0].exists()]
    if todo:
        title = f"clips without {arm.left_out}"
        spread(make_group, todo, workers=min(workers or cores(), len(todo)), progress=title)
    return [clip for job in jobs for clip in _read_group(job)][: arm.people * len(LABELS)]


@functools.lru_cache(maxsize=1)
def faces_of(arm: Arm, workers: int | None = None) -> tuple[FaceSequence, ...]:
    """Return the faces found in the clips of an arm, about 0.13 s a clip the first time."""
    plain = f"fit-seed{arm.takes}" if arm.takes else "fit"
    end = f"ingredients-{arm.left_out}" if arm.drawn else plain
    whole = replace(arm, people=-(-arm.people // TRACED) * TRACED)
    seen = face_sequences(clips_of(whole, workers=workers), key=f"{mime.VERSION}/{end}", workers=workers)
    return tuple(s for s in seen[: arm.people * len(LABELS)] if s is not None)


# ---------------------------------------------------------------- training


@functools.cache
def recipe() -> str:
    """Hash of the data version, the settings and all code that decides the weights."""
    return _units.recipe(mime.VERSION, mime.fingerprint(), PLANS, DRAWS, SIZES, modules=_RECIPE)


def path_of(arm: Arm, branch: str, seed: int) -> Path:
    """Return where the weights of a training are kept."""
    home = cache.cache_dir() / "experiments" / "ingredients" / recipe()
    return home / f"{arm.name}-{branch}-seed{seed}.npz"


def trained(arm: Arm, branch: str, seed: int, *, workers: int | None = None) -> nn.Module:
    """Train a branch on an arm for a short time, or read the one that was trained before.

    Raises
    ------
    BadInput
        For an unknown branch.
    """
    if branch not in BRANCHES:
        raise BadInput(f"unknown branch {branch!r}: use one of {', '.join(BRANCHES)}")
    torch.manual_seed(seed)
    net: Any = temporal.TemporalNet() if branch == "temporal" else spatial.SpatialNet()
    path = path_of(arm, branch, seed)
    if (kept := cache.load_arrays(path)) is not None:
        net.load_state_dict({key: torch.from_numpy(value) for key, value in kept.items()})
        return net.eval()
    faces = faces_of(arm, workers)
    torch.manual_seed(seed)
    with without("" if arm.drawn else arm.left_out):
        done = _fit(net, branch, faces, seed, arm.name)
    cache.save_arrays(path, {key: value.numpy() for key, value in done.state_dict().items()})
    return done


def _lesson(draw: Any, faces: Sequence[FaceSequence], count: int, size: int, rng: Any) -> Any:
    """Return the batches of one epoch: `count` draws in all, from each face as often as from any other.

    What is left over after whole rounds goes to some of the faces, others in each epoch.
    """
    rows = np.resize(rng.permutation(len(faces)), count)
    return draw([faces[i] for i in rows], rng, size=size, repeats=1)


def _fit(net: Any, branch: str, faces: Sequence[FaceSequence], seed: int, name: str) -> nn.Module:
    """Train for the epochs of the plan; every epoch scores alike, so the last one is kept."""
    if branch == "temporal":
        temporal.fit_scale(net, faces)
    draw: Any = temporal.batches if branch == "temporal" else spatial.batches
    plan = replace(PLANS[branch], seed=seed, patience=PLANS[branch].epochs)
    return fit(
        net,
        partial(_lesson, draw, faces, DRAWS[branch], SIZES[branch]),
        lambda model: 0.0,
        plan=plan,
        loss=spatial.loss if branch == "spatial" else None,
        progress=f"{name}, {branch}, seed {seed}",
    ).model
