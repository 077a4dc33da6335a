"""What the two experiments on certificates share: people to train on, short trainings, kept work."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .. import checkpoints, mime, spatial
from ..cache import cache_dir
from ..crops import in_crop, upright
from ..labels import index
from ..preprocess import FaceSequence, face_sequences
from ..training import Batches, Plan, fit
from . import _units
from ._defense_arms import OneWay
from ._quick import quick

HELD = 40  # of the fit people, kept out of these trainings: epochs and widths are chosen on them
STILLS = 1  # drawn from each clip in an epoch
_RECIPE = ("augment", "shading", "training", "certified", "ablation", "experiments/_certified_lab")


@dataclass(frozen=True)
class People:
    """Faces of the *fit* people: those to train on, and those to choose on."""

    train: tuple[FaceSequence, ...]
    choose: tuple[FaceSequence, ...]


@functools.cache
def fit_people() -> People:
    """Read the *fit* people, session 0; the last `HELD` of them are to choose on."""
    clips = mime.block("fit")
    faces = [s for s in face_sequences(clips, key=f"{mime.VERSION}/fit") if s is not None]
    held = set(sorted({str(s.subject) for s in faces})[-HELD:])
    apart = [str(s.subject) in held for s in faces]
    return People(
        tuple(s for s, out in zip(faces, apart, strict=True) if not out),
        tuple(s for s, out in zip(faces, apart, strict=True) if out),
    )


def inputs(faces: Sequence[FaceSequence]) -> tuple[Tensor, Tensor]:
    """Return apex crops (N, 1, 64, 64) in [0, 1] and labels (N,)."""
    x = torch.cat([spatial.clip_input(face) for face in faces])
    return x, torch.tensor([index(face.label or "neutral") for face in faces])


def face_width(faces: Sequence[FaceSequence]) -> float:
    """Return the mean width of the faces in their crops, landmark 234 to 454 at the apex, in pixels."""
    points = [in_crop(face.points[face.apex], upright(face.points[face.apex])) for face in faces]
    return float(np.mean([np.linalg.norm(p[454] - p[234]) for p in points]))


def one_side(net: spatial.SpatialNet) -> OneWay:
    """Return a network that looks at one side only, without its mirror image, and answers sooner.

    Examples
    --------
    >>> one_side(spatial.SpatialNet().eval())(torch.rand(2, 1, 64, 64)).shape
    torch.Size([2, 7])
    """
    return OneWay(quick(net)).to(memory_format=torch.channels_last)


@functools.cache
def recipe() -> str:
    """Hash of the data version, the shipped weights, and the code of trainings and certificates."""
    weights = checkpoints.read_card("spatial").recipe
    return _units.recipe(mime.VERSION, mime.fingerprint(), weights, modules=_RECIPE)


def place(name: str, end: str) -> Path:
    """Return where a unit of work is kept; `name` says all that decides it beside the recipe."""
    return cache_dir() / "experiments" / "certified" / recipe() / f"{name}.{end}"


def kept(name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return a unit of work: read where it is kept, else made and kept."""
    return _units.kept(place(name, "npz"), make)


def tuned(
    name: str,
    start: Callable[[], spatial.SpatialNet],
    change: Callable[[Batches], Batches],
    *,
    epochs: int,
    score: Callable[[nn.Module], float],
    people: Callable[[], People] = fit_people,
) -> spatial.SpatialNet:
    """Train a spatial branch further for a few epochs on changed stills, or read it where it is kept.

    Parameters
    ----------
    name : of the unit of work
    start : makes the network to begin with
    change : from the batch producer of clean stills to that of changed ones
    score : from the network in evaluation mode to a number; the best epoch is kept
    """
    net = start()
    shape = {key: value.numpy() for key, value in net.state_dict().items()}

    def make() -> dict[str, np.ndarray]:
        clean = partial(spatial.batches, people().train, repeats=STILLS)
        plan = Plan(epochs=epochs, learning_rate=2e-3, average=0.98, patience=epochs)
        found = fit(net, change(clean), score, plan=plan, loss=spatial.loss, resume=place(name, "pt"),
                    progress=name)  # fmt: skip
        return {key: value.detach().cpu().numpy() for key, value in found.model.state_dict().items()}

    arrays = kept(name, make)
    net.load_state_dict({key: torch.from_numpy(arrays[key]) for key in shape})
    return net.eval()
