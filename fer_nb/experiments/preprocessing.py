"""What is each step of preprocessing worth with few people? `python -m fer_nb.experiments.preprocessing`.

One model, principal components and a support vector machine as in chapter 01, learns from the stills of 10,
20 and 40 people of *fit* (one session). It is tested on the apex stills of *validate* and of its shifted
twin. The ladder adds one step after the other: whole frame, box around the face, alignment on the eyes,
oval, evened light, augmentation (three varied copies of each still). Other arms even out light in other
ways, or leave one step out of the full recipe. The model is fast, so every arm runs on three groups of
people; what a network does on the same ladder is in `preprocessing_network`. Its settings are those of
chapter 01; that it runs on this model at all was decided after small pilots, which looked at *validate*. The
painted tones of `shading` are left out; they are made for the step to real faces.

Hypotheses, written before the first run. Numbers in points, on *validate*, 20 people if nothing else is
said. They follow Lopes et al. (2017), Table 10: spatial normalization +34, intensity +3 alone and -1 after
alignment, synthetic samples +1 to +3.

H1  crop and alignment together are worth at least 10 over the whole frame;
H2  normalized light is worth less than 3, in either direction;
H3  augmentation is worth 1 to 3;
H4  augmentation makes the gap between training people and new people smaller, for 10, 20 and 40 people;
H5  without augmentation, the gap falls with every doubling of the people;
H6  normalized light is worth more on the shifted twin than on *validate*.
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
from torch import Tensor

from .. import augment, illumination, mime, spatial
from .._parallel import spread
from ..cache import cache_dir
from ..clips import Clip
from ..crop_ladder import CUTS, cut_stills
from ..labels import index
from ..preprocess import FaceSequence, face_sequences
from . import _preprocessing_records as records
from . import _units

RECORDS = records.RECORDS
PEOPLE, SEEDS = (10, 20, 40), (0, 1, 2)  # seed k learns from the people after the first 40 k
STILLS, COPIES = 4, 3  # of each training clip, the apex first; varied copies of each still
LOCAL = "local contrast"  # the shipped network has it inside, as `spatial.Normalize`
PARTS, C = 60, 4.0  # components, and cost of an error in the support vector machine: those of chapter 01
FAMILIES = {
    "mirror": ("mirror",),
    "warp": ("reshape", "move"),
    "light": ("repaint", "relight"),
    "camera": ("refilter", "blur", "noise", "jpeg"),
    "occlusion": ("erase",),
}
_RECIPE = ("features", "crops", "crop_ladder", "preprocess", "illumination", "augment", "spatial")


@dataclass(frozen=True)
class Arm:
    """One way to prepare the stills: how they are cut, how light is evened out, how they are varied."""

    name: str
    cut: str
    light: str = "none"
    families: tuple[str, ...] = ()


FULL = Arm("full", "oval", LOCAL, tuple(FAMILIES))
LADDER = (
    Arm("frame", "frame"),
    Arm("box", "box"),
    Arm("aligned", "aligned"),
    Arm("oval", "oval"),
    Arm("normalized", "oval", LOCAL),
    FULL,
)
OTHERS = tuple(
    Arm(f"light_{name.replace('-', '_').lower()}", "oval", name)
    for name in illumination.METHODS
    if name not in ("none", LOCAL)
)
LEFT_OUT = (
    replace(FULL, name="without_alignment", cut="box_oval"),
    replace(FULL, name="without_oval", cut="aligned"),
    replace(FULL, name="without_normalization", light="none"),
    *(
        replace(FULL, name=f"without_{family}", families=tuple(f for f in FAMILIES if f != family))
        for family in FAMILIES
    ),
)


@dataclass(frozen=True)
class Job:
    """One training: an arm, so many people, a group of people."""

    arm: Arm
    people: int
    seed: int


def jobs() -> list[Job]:
    """List every training of the experiment: the ladder at all sizes, the rest with 20 people."""
    ladder = [Job(arm, people, seed) for arm in LADDER for people in PEOPLE for seed in SEEDS]
    return ladder + [Job(arm, 20, seed) for arm in (*LEFT_OUT, *OTHERS) for seed in SEEDS]


# ---------------------------------------------------------------- stills


def peak_rows(sequence: FaceSequence, count: int) -> np.ndarray:
    """Choose stills of a clip that show its label: the apex, then others spread over the peak.

    Returns
    -------
    (count,) int array of frame numbers; repeats where the peak is short
    """
    peaks, _ = spatial.stills(sequence)
    spread_out = peaks[np.linspace(0, len(peaks) - 1, count - 1).round().astype(int)] if count > 1 else []
    return np.array([sequence.apex, *spread_out], int)


def collect(
    clips: Sequence[Clip], faces: Sequence[FaceSequence | None], count: int, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Cut `count` stills of every clip in every way.

    Returns
    -------
    dict with (N, count, 64, 64) uint8 for each name of a cut, `labels` (N,) int, `person` (N,) int, `units`
    (N, count, U) float32, and `found` (N,) bool: a clip without a face has black stills and counts as an
    error later
    """
    cuts = {name: np.zeros((len(clips), count, 64, 64), np.uint8) for name in names}
    units = np.zeros((len(clips), count, len(mime.UNITS)), np.float32)
    for k, (clip, face) in enumerate(zip(clips, faces, strict=True)):
        if face is not None:
            rows = peak_rows(face, count)
            units[k] = 0 if face.units is None else face.units[rows]
            for name, crop in cut_stills(clip.frames, face.points, rows, names).items():
                cuts[name][k] = crop
    return cuts | {
        "units": units,
        "labels": np.array([index(clip.label or "neutral") for clip in clips]),
        "person": np.array([(clip.conditions or {})["person"] for clip in clips]),
        "found": np.array([face is not None for face in faces]),
    }


@cache
def stills(block: str, shifted: bool = False) -> dict[str, np.ndarray]:
    """Return the stills of a block as in `collect`, kept on disk: peaks of *fit*, else the apex alone."""
    name = block + ("-shift" if shifted else "")

    def make() -> dict[str, np.ndarray]:
        people = max(PEOPLE) * len(SEEDS) if block == "fit" else None
        clips = mime.block(block, people=people, shifted=shifted)
        faces = face_sequences(clips, key=f"{mime.VERSION}/{name}")
        return collect(clips, faces, STILLS if block == "fit" else 1, tuple(CUTS))

    return _units.kept(folder() / f"stills-{name}.npz", make)


@cache
def folder() -> Path:
    """Return where finished work is kept: it is named after all code and settings that decide it."""
    settings = (PEOPLE, SEEDS, STILLS, COPIES, PARTS, C, FAMILIES, mime.VERSION, mime.fingerprint())
    return cache_dir() / "experiments" / "preprocessing" / _units.recipe(*settings, modules=_RECIPE)


def group(job: Job) -> dict[str, np.ndarray]:
    """Return the stills that a training learns from: all clips of its people, found or not."""
    own, first = stills("fit"), max(PEOPLE) * job.seed
    mine = (own["person"] >= first) & (own["person"] < first + job.people)
    return {name: values[mine] for name, values in own.items()}


# ---------------------------------------------------------------- one training


def varied(x: Tensor, families: Sequence[str]) -> Tensor:
    """Augment crops (B, 1, 64, 64) by the named families, in the order of `augment.augment`."""
    for family in FAMILIES:
        for step in FAMILIES[family] if family in families else ():
            x = getattr(augment, step)(x)
    return x


def copies(crops: np.ndarray, arm: Arm, seed: int) -> np.ndarray:
    """Return training stills of an arm: as they are and, if it augments, `COPIES` varied ones of each.

    Parameters
    ----------
    crops : (M, 64, 64) uint8 array

    Returns
    -------
    (M, 64, 64) or (M (1 + COPIES), 64, 64) float32 array in [0, 1], light evened after the variation
    """
    x = spatial.to_input(crops)  # (M, 1, 64, 64)
    torch.manual_seed(seed)
    sets = [x, *(varied(x, arm.families) for _ in range(COPIES if arm.families else 0))]
    return even(torch.cat(sets)[:, 0].numpy(), arm)


def even(crops: np.ndarray, arm: Arm) -> np.ndarray:
    """Even out the light of crops (M, 64, 64) as the arm says, float32 in [0, 1]."""
    return illumination.METHODS[arm.light](crops)


def train(job: Job) -> dict[str, np.ndarray]:
    """Fit one model and let it answer on its own people, on *validate* and on the shifted twin.

    Returns
    -------
    dict with the answers `train`, `validate`, `shift`, (N,) int, -1 where no face was found; and `own`, the
    true labels behind `train`
    """
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    own, arm = group(job), job.arm
    seen = own["found"]
    x = copies(own[arm.cut][seen].reshape(-1, 64, 64), arm, job.seed)  # (M, 64, 64)
    y = np.repeat(own["labels"][seen], STILLS)
    parts = PCA(min(PARTS, len(y) - 1), svd_solver="randomized", random_state=job.seed)
    model = make_pipeline(parts, StandardScaler(), SVC(C=C))
    model.fit(x.reshape(len(x), -1), np.tile(y, len(x) // len(y)))
    out = {"own": own["labels"]}
    sets = {"train": own, "validate": stills("validate"), "shift": stills("validate", shifted=True)}
    for name, cuts in sets.items():
        apex = even(cuts[arm.cut][:, 0], arm)  # (N, 64, 64)
        out[name] = np.where(cuts["found"], model.predict(apex.reshape(len(apex), -1)), -1)
    return out


def finished(job: Job) -> dict[str, np.ndarray]:
    """Return the outcome of a training, from disk if it was done before."""
    path = folder() / f"{job.arm.name}-{job.people}-{job.seed}.npz"
    return _units.kept(path, lambda: train(job))


# ---------------------------------------------------------------- the whole


def run(*, workers: int | None = None, progress: bool = True) -> None:
    """Train what is missing, then write the tables and the records."""
    began, todo = time.perf_counter(), jobs()
    truths = {"validate": stills("validate"), "shift": stills("validate", shifted=True)}
    stills("fit")  # made once, before the processes start
    outcomes = spread(finished, todo, workers=workers, progress="preprocessing" if progress else None)
    done = [(job.arm.name, job.people, job.seed, out) for job, out in zip(todo, outcomes, strict=True)]
    records.write(done, truths, seconds=time.perf_counter() - began)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, default=None, help="processes; one a core by default")
    run(workers=parser.parse_args().workers)


if __name__ == "__main__":
    main()
