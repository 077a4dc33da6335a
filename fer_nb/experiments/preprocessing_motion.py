"""What is each step of preparing motion worth? `python -m fer_nb.experiments.preprocessing_motion`.

The sister of `preprocessing`, for the temporal branch. A small recurrent network learns from the clips of 10,
20 and 40 people of *fit* (one session; the same groups of people as the stills there) and is asked about
whole clips of its own people, of *validate*, and of the shifted twin. Every arm leaves out one step; what is
left out is left out in training and when asked. "all" is how the shipped temporal branch is prepared.

without_neutral     no face at rest of one's own: frames are laid onto the mean resting face of the training
                    people, and the mean of their measures is taken off. With the reference go the two draws
                    that exist only because of it: the wrong reference, and the pair measured from its peak
without_alignment   measures minus those at rest, but the head's motion within the clip is not undone
without_resampling  one step a frame at the clip's own rate, zeros after its end, in place of 24 steps over it
without_noise       training examples have no jitter of landmarks and no slightly wrong reference
without_stretch     whole clips only: ends are not cut, no parts, no pairs of stills, no quiet parts
without_mirror      no example is mirrored
without_drop        no frames are lost
without_variation   none of the last four, and motion at its own strength: every clip as it is

Length, rate, width and batches are the same for all arms. That 16 epochs are enough was seen on 20 people and
40 others of *fit*, with "all" and "without_variation" and one seed; no epoch is chosen, the last one counts.

Hypotheses, written before the run, but after that pilot, in which "all" read 2 points more of new people than
"without_variation" and had the smaller gap, and after chapter 03, where networks of 100 people did not read
*validate* better for the draws of the shipped recipe. Points on *validate*, 20 people if nothing else is
said. On real stills, alignment brought tens of points and variation a few (Lopes et al., 2017).

own_rest     without a reference of one's own at least 10 are lost, and the interval is clear of zero;
rest_few     that loss is larger with 10 people than with 40;
head         without alignment at least 10 are lost, and the interval is clear of zero;
resampling   without resampling at least 3 are lost;
single       noise, stretch, mirror and lost frames are each worth less than 3, in either direction;
gap          without variation the gap between training people and new people is larger, for 10, 20 and 40;
variation    without variation new people are read worse, for 10, 20 and 40;
people       with all steps, the gap falls with every doubling of the people.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch

from .. import mime
from .._parallel import spread
from ..cache import cache_dir
from ..labels import index
from ..preprocess import FaceSequence, face_sequences
from ..training import Plan, fit, predict_in_batches
from . import _motion_records as records
from . import _motion_steps as steps
from . import _units
from ._motion_steps import ARMS, Arm
from .preprocessing_network import Watch

RECORDS = records.RECORDS
PEOPLE, SEEDS = records.SIZES, (0, 1, 2)  # seed k learns from the people after the first 40 k
HIDDEN = 32  # width; the shipped networks have 48
PLAN = Plan(epochs=16, learning_rate=3e-3, average=0.95, patience=999)
WATCHED = ("all", "without_variation")  # accuracy along the way, on training people and on new people
_RECIPE = ("features", "crops", "preprocess", "training", "temporal", "experiments/_motion_steps")


@dataclass(frozen=True)
class Job:
    """One training: an arm, so many people, a group of people."""

    arm: Arm
    people: int
    seed: int


@dataclass(frozen=True)
class Clips:
    """The traced clips of a block, None where no face was found; their labels (N,) and people (N,)."""

    faces: Sequence[FaceSequence | None]
    labels: np.ndarray
    person: np.ndarray

    def take(self, rows: np.ndarray) -> Clips:
        """Return some of the clips."""
        return Clips([self.faces[i] for i in rows], self.labels[rows], self.person[rows])


def jobs() -> list[Job]:
    """List every training: all arms at all sizes for the first seed, then for the next."""
    return [Job(arm, people, seed) for seed in SEEDS for people in PEOPLE for arm in ARMS]


@cache
def clips_of(block: str, shifted: bool = False) -> Clips:
    """Return the clips of a block, session 0: of *fit* the people of all groups."""
    people = max(PEOPLE) * len(SEEDS) if block == "fit" else None
    clips = mime.block(block, people=people, shifted=shifted, progress=False)
    faces = face_sequences(clips, key=f"{mime.VERSION}/{block}{'-shift' if shifted else ''}", progress=False)
    labels = np.array([index(clip.label or "neutral") for clip in clips])
    return Clips(faces, labels, np.array([int((c.conditions or {})["person"]) for c in clips]))


@cache
def folder() -> Path:
    """Return where finished trainings are kept: it is named after all code and settings that decide them."""
    settings = (PEOPLE, SEEDS, PLAN, HIDDEN, WATCHED, mime.VERSION, mime.fingerprint())
    name = _units.recipe(*settings, modules=_RECIPE)
    return cache_dir() / "experiments" / "preprocessing_motion" / name


def group(job: Job) -> Clips:
    """Return the clips that a training learns from: all clips of its people, found or not."""
    every, first = clips_of("fit"), max(PEOPLE) * job.seed
    return every.take(np.flatnonzero((every.person >= first) & (every.person < first + job.people)))


# ---------------------------------------------------------------- one training


def train(job: Job) -> dict[str, np.ndarray]:
    """Train one network and let it answer on its own people, on *validate* and on the shifted twin.

    Returns
    -------
    dict with the answers `train`, `validate`, `shift`, (N,) int, -1 where no face was found; `own`, the true
    labels behind `train`; `course` (K, 3), for arms that are watched: epoch, accuracy on training people and
    on *validate*; and `seconds` of processor time, ()
    """
    began, own = time.process_time(), group(job)
    sets = {"train": own, "validate": clips_of("validate"), "shift": clips_of("validate", shifted=True)}
    learned = [face for face in own.faces if face is not None]
    clips, sizes = steps.measured(learned, learned, job.arm)
    asked = {}
    for name, block in sets.items():
        seen = [face for face in block.faces if face is not None]
        shown = [steps.whole(clip, job.arm) for clip in steps.measured(seen, learned, job.arm)[0]]
        asked[name] = torch.from_numpy(np.stack(shown))  # (N, 24, M + 1)
    found = {name: np.array([face is not None for face in block.faces]) for name, block in sets.items()}
    watch = Watch()
    if job.arm.name in WATCHED:
        watch.sets = [(asked[n], torch.from_numpy(sets[n].labels[found[n]])) for n in ("train", "validate")]
    torch.manual_seed(job.seed)
    model = fit(
        steps.network(sizes, hidden=HIDDEN),
        lambda rng: steps.epoch(clips, job.arm, rng),
        watch,
        plan=replace(PLAN, seed=job.seed),
    ).model
    out = {"own": own.labels, "course": np.array(watch.course, float).reshape(-1, 3)}
    for name, x in asked.items():
        out[name] = np.full(len(found[name]), -1)
        out[name][found[name]] = predict_in_batches(model, x).argmax(1).numpy()
    return out | {"seconds": np.array(time.process_time() - began)}


def finished(job: Job) -> dict[str, np.ndarray]:
    """Return the outcome of a training, from disk if it was done before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # one process a core, and sums in the same order everywhere
    try:
        return _units.kept(folder() / f"{job.arm.name}-{job.people}-{job.seed}.npz", lambda: train(job))
    finally:
        torch.set_num_threads(threads)


# ---------------------------------------------------------------- the whole


def run(*, workers: int | None = None, progress: bool = True) -> None:
    """Train what is missing, then write the tables and the records."""
    todo = jobs()
    blocks = {"validate": clips_of("validate"), "shift": clips_of("validate", shifted=True)}
    clips_of("fit")  # traced once, before the processes start
    outcomes = spread(finished, todo, workers=workers, progress="preprocessing" if progress else None)
    done = [(job.arm.name, job.people, job.seed, out) for job, out in zip(todo, outcomes, strict=True)]
    truths = {name: {"labels": clips.labels, "person": clips.person} for name, clips in blocks.items()}
    records.write(done, truths)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, default=None, help="processes; one a core by default")
    run(workers=parser.parse_args().workers)


if __name__ == "__main__":
    main()
