"""Eight ways to train one small network, for the study of membership.

All of them take pictures (P, 7, 64, 64) of P people, seven expressions each, and a seed. Private trainings
clip and cover the gradient of a person; the last of them that of a picture, which is the trap.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .. import spatial
from ..augment import mirror, move, noise, relight
from ..labels import LABELS
from ..private_training import PrivatePlan, SmallNet, fit_private, noise_for
from ..training import Plan, fit

STEPS = 30  # of a private training: more of them need more noise
DELTA = 1e-3  # of the promise of privacy: below one in the number of members
GENERATED = "generated"
PRIVATE = {"dp_inf": math.inf, "dp8": 8.0, "dp3": 3.0, "dp1": 1.0}  # epsilon for a person


@dataclass(frozen=True)
class Recipe:
    """How a recognizer is trained, and what its shadows are.

    Attributes
    ----------
    name : of the recognizer
    train : callable, from pictures (P, 7, 64, 64) uint8 of P people and a seed to a model
    shadows : how many
    like : name of the recipe by which its shadows are trained
    """

    name: str
    train: Callable[[np.ndarray, int], nn.Module]
    shadows: int
    like: str


def plain(crops: np.ndarray, seed: int) -> nn.Module:
    """Train for long and without any restraint."""
    plan = Plan(epochs=30, learning_rate=3e-3, weight_decay=0, label_smoothing=0, average=0, seed=seed)
    return _fit(crops, plan, ())


def regularised(crops: np.ndarray, seed: int) -> nn.Module:
    """Train with augmentation, dropout, weight decay, soft labels and averaged weights."""
    plan = Plan(epochs=30, learning_rate=3e-3, weight_decay=1e-2, label_smoothing=0.1, seed=seed)
    return _fit(crops, plan, (mirror, move, relight, noise), dropout=0.3)


def _fit(
    crops: np.ndarray, plan: Plan, changes: tuple[Callable[[Tensor], Tensor], ...], *, dropout: float = 0.0
) -> nn.Module:
    """Train on pictures (P, 7, 64, 64); the last epoch counts, for nobody is kept out to choose one."""
    x, y = flat(crops), classes(len(crops))
    torch.manual_seed(plan.seed)
    rising = iter(range(plan.epochs))

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in torch.from_numpy(rng.permutation(len(x))).split(64):
            batch = x[rows]
            for change in changes:
                batch = change(batch)
            yield batch, y[rows]

    return fit(SmallNet(dropout=dropout), batches, lambda _: float(next(rising)), plan=plan).model


def private_plan(epsilon: float, seed: int) -> PrivatePlan:
    """Return the plan for an epsilon: every unit in every step, for there are few."""
    noise = _noise(epsilon, STEPS)
    return PrivatePlan(noise, clip=0.3, rate=1.0, steps=STEPS, learning_rate=1.0, seed=seed)


@functools.cache
def _noise(epsilon: float, steps: int) -> float:
    return noise_for(epsilon, delta=DELTA, rate=1.0, steps=steps)


def private(epsilon: float, crops: np.ndarray, seed: int) -> nn.Module:
    """Train so that epsilon holds for a person: the gradient of seven pictures together is clipped."""
    torch.manual_seed(seed)
    x = flat(crops).view(len(crops), -1, 1, *crops.shape[-2:])  # (P, 7, 1, 64, 64)
    return fit_private(SmallNet(), x, classes(len(crops)).view(len(crops), -1), private_plan(epsilon, seed))


def private_pictures(epsilon: float, crops: np.ndarray, seed: int) -> nn.Module:
    """Train so that epsilon holds for a picture only: each is clipped on its own. The trap."""
    torch.manual_seed(seed)
    x = flat(crops).unsqueeze(1)  # (7 P, 1, 1, 64, 64)
    return fit_private(SmallNet(), x, classes(len(crops)).unsqueeze(1), private_plan(epsilon, seed))


def from_generated(crops: np.ndarray, seed: int) -> nn.Module:
    """Train as `regularised`, on as many faces that the generator makes of noise and labels."""
    return regularised(generated_crops(len(crops), seed), seed)


def generated_crops(sets: int, seed: int) -> np.ndarray:
    """Make faces of noise and labels, (sets, 7, 64, 64) uint8, with the shipped generator.

    Raises
    ------
    FerError
        If there are no weights of the generator.
    """
    from .. import anonymize
    from . import generated_faces as made
    from ._anonymizer_data import kept_out, load_data

    models = anonymize.load()
    data = load_data(models.donors, "fit", people=1)
    shown, codes = made.peaks([s for s in data.donors if not kept_out(s)])
    labels, performances = classes(sets).numpy(), made.learn_performances(codes, shown.labels)
    drawn = made.generate(labels, performances, models, np.random.default_rng(seed))
    return drawn.reshape(sets, len(LABELS), *drawn.shape[1:])


def flat(crops: np.ndarray) -> Tensor:
    """Return pictures (P, 7, H, W) uint8 as inputs, (7 P, 1, H, W)."""
    return spatial.to_input(crops.reshape(-1, *crops.shape[-2:]))


def classes(people: int) -> Tensor:
    """Return the classes of the seven pictures of each of so many people, (7 P,)."""
    return torch.arange(len(LABELS)).repeat(people)


def recipes() -> dict[str, Recipe]:
    """Return the recognizers of the study by name, in the order of the tables."""

    def dp(epsilon: float) -> Callable[[np.ndarray, int], nn.Module]:
        return functools.partial(private, epsilon)

    pictures = functools.partial(private_pictures, 8.0)
    found = [
        Recipe("plain", plain, 8, "plain"),
        Recipe("regularised", regularised, 8, "regularised"),
        Recipe(GENERATED, from_generated, 8, "regularised"),
        *(Recipe(name, dp(e), 4, name) for name, e in PRIVATE.items()),
        Recipe("dp8_pictures", pictures, 4, "dp8_pictures"),
    ]
    return {recipe.name: recipe for recipe in found}
