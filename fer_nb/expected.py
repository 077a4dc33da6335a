"""Scores of a model that answers at random: in expectation over its draws, never on the draws of the choice.

A defense that is random is right about a picture in a share of its draws, and its accuracy is the mean of
these shares. Of several attacks on a picture the strongest is chosen on some draws and scored on fresh ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from .attacks import Attacked
from .defense import DefendedModel
from .errors import BadInput
from .training import predict_in_batches

# Draws for attacking, choosing and scoring come from seeds that never meet.
ATTACK, CHOOSE, SCORE = 1_000_000, 2_000_000, 3_000_000
_TIE = 1e-3  # weight of the mean probability of the truth, which decides between equal shares


def answers_at_random(model: nn.Module) -> TypeGuard[DefendedModel]:
    """Tell whether a model draws anew for each question: a defense by transformation that is not frozen.

    Examples
    --------
    >>> defended = DefendedModel(nn.Sequential(nn.Flatten(), nn.Linear(4096, 7)).eval())
    >>> with defended.frozen(0):
    ...     answers_at_random(defended)
    False
    >>> answers_at_random(defended), answers_at_random(defended.model)
    (True, False)
    """
    return isinstance(model, DefendedModel) and model.is_random


def check_batch(who: str, x: Tensor) -> None:
    """Refuse a batch without a picture: of nothing, everything is read rightly.

    Examples
    --------
    >>> check_batch("adaptive", torch.zeros(0, 1, 64, 64))
    Traceback (most recent call last):
        ...
    fer_nb.errors.BadInput: adaptive: the batch is empty: give at least one picture
    """
    if not isinstance(x, Tensor):
        raise BadInput(f"{who}: pictures are a {type(x).__name__}: give a tensor, torch.from_numpy(images)")
    if not len(x):
        raise BadInput(f"{who}: the batch is empty: give at least one picture")


def check_truth(who: str, y: Tensor, answers: Tensor) -> None:
    """Refuse labels (B,) that are not one class number for each answer (B, C).

    Examples
    --------
    >>> check_truth("adaptive", torch.tensor([0, 7]), torch.zeros(2, 7))
    Traceback (most recent call last):
        ...
    fer_nb.errors.BadInput: adaptive: labels run from 0 to 7: give 0 to 6
    """
    count, classes = answers.shape
    if not isinstance(y, Tensor):
        raise BadInput(f"{who}: labels are a {type(y).__name__}: give a tensor, torch.as_tensor(labels)")
    if y.shape != (count,) or y.is_floating_point() or y.dtype == torch.bool:
        raise BadInput(f"{who}: labels are {y.dtype} {tuple(y.shape)}: give {count} class numbers")
    if y.dtype != torch.long:
        raise BadInput(f"{who}: labels are {y.dtype}: give labels.long()")
    if int(y.min()) < 0 or int(y.max()) >= classes:
        raise BadInput(f"{who}: labels run from {int(y.min())} to {int(y.max())}: give 0 to {classes - 1}")


def share_right(model: nn.Module, x: Tensor, y: Tensor, *, draws: int = 100, seed: int = 0) -> Tensor:
    """Return in what share of fresh evaluations each picture is read rightly, (B,) in [0, 1].

    One evaluation of a `DefendedModel` is its answer averaged over its own K draws. The mean of the shares
    is the expected accuracy. Any other model is asked once, and so is one that is frozen.

    Raises
    ------
    BadInput
        If the batch is empty, labels are not one class number for each picture, or there are no draws.

    Examples
    --------
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).eval()
    >>> x = torch.rand(3, 1, 2, 2)
    >>> share_right(model, x, model(x).argmax(1)).tolist()
    [1.0, 1.0, 1.0]
    """
    return _asked(model, x, y, draws=draws, seed=SCORE + seed)[0]


def _asked(model: nn.Module, x: Tensor, y: Tensor, *, draws: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return the share of right answers and the mean probability of the truth, (B,) each."""
    check_batch("adaptive", x)
    if draws < 1:
        raise BadInput(f"adaptive: {draws} draws: give at least one")
    asked, count = model, 1
    if answers_at_random(model):
        asked, count = model.with_draws(model.draws, seed=seed), draws
    right, belief = torch.zeros(len(x)), torch.zeros(len(x))
    for _ in range(count):
        p = predict_in_batches(asked, x)  # (B, C)
        check_truth("adaptive", y, p)
        right += p.argmax(1) == y
        belief += p[torch.arange(len(x)), y]
    return right / count, belief / count


@dataclass(frozen=True)
class Chosen:
    """Of each picture the version that the attacker settles on, and which attack made it."""

    images: Tensor  # (B, 1, H, W)
    names: tuple[str, ...]
    strength: Tensor  # (B,) share right on the draws of the choice: biased, not a result


def strongest(
    model: nn.Module, candidates: Mapping[str, Tensor], y: Tensor, *, draws: int = 20, seed: int = 0
) -> Chosen:
    """Choose, for each picture, the candidate that the model reads rightly least often.

    The draws of this choice are not those of `share_right`. Reporting the minimum itself would blame the
    defense for bad luck; the more candidates, the more so.

    Parameters
    ----------
    candidates : name -> (B, 1, H, W); of equal ones the first is taken
    draws : evaluations that the choice rests on

    Raises
    ------
    BadInput
        If there are no candidates, or as `share_right`.
    """
    if not candidates:
        raise BadInput("adaptive: no candidates to choose from: give at least one attack")
    asked = [_asked(model, x, y, draws=draws, seed=CHOOSE + seed) for x in candidates.values()]
    keys = torch.stack([right + _TIE * belief for right, belief in asked])  # (attacks, B)
    best = torch.from_numpy(np.argmin(keys.numpy(), 0))  # the first of equal ones
    images, rows = torch.stack(list(candidates.values())), torch.arange(len(y))
    names = list(candidates)
    return Chosen(
        images[best, rows], tuple(names[i] for i in best), torch.stack([r for r, _ in asked])[best, rows]
    )


def cascade(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    attacks: Mapping[str, Callable[[Tensor, Tensor], Attacked]],
    *,
    draws: int = 20,
    floor: float = 0.0,
    seed: int = 0,
) -> Chosen:
    """Run attacks in order, cheap ones first, each only on the pictures that still stand.

    Parameters
    ----------
    attacks : name -> function from (x, y) to `Attacked`
    floor : a picture is done with when its share of right answers in the choice is not above this

    Returns
    -------
    Chosen; score it with `share_right`
    """
    now = strongest(model, {"none": x}, y, draws=draws, seed=seed)
    images, names, strength = now.images.clone(), list(now.names), now.strength.clone()
    for name, attack in attacks.items():
        rows = torch.nonzero(strength > floor).flatten()
        if not len(rows):
            break
        pair = {"so far": images[rows], name: attack(x[rows], y[rows]).images}
        best = strongest(model, pair, y[rows], draws=draws, seed=seed)
        images[rows], strength[rows] = best.images, best.strength
        for row, winner in zip(rows.tolist(), best.names, strict=True):
            names[row] = name if winner == name else names[row]
    return Chosen(images, tuple(names), strength)
