"""The defended spatial networks that the package ships, each behind the transformation it was trained with.

Their cards say what the transformation draws from. Weights are in half precision; what the book reports was
measured on these very numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from . import checkpoints
from .defense import DefendedModel, Transform
from .errors import BadInput
from .spatial import SpatialNet

SHIPPED = ("both", "static", "online")
_KEY = "transform"  # entry of a card's `input`


def name_of(arm: str) -> str:
    """Return the name of an arm's weights in the package.

    Raises
    ------
    BadInput
        If the package ships no such arm.

    Examples
    --------
    >>> name_of("static")
    'spatial_static'
    """
    if arm not in SHIPPED:
        raise BadInput(f"defended: the package ships no arm {arm!r}: choose from {', '.join(SHIPPED)}")
    return f"spatial_{arm}"


def load(arm: str = "static", *, draws: int = 5, seed: int = 0) -> DefendedModel:
    """Load a defended network: "both" (transformations alone), "static" or "online".

    Its `model` is the bare network, without anything before it.

    Parameters
    ----------
    arm : one of `SHIPPED`
    draws : K, over how many transformations an answer is averaged
    seed : of the draws

    Raises
    ------
    BadInput
        If there is no such arm, or its files are damaged.

    Examples
    --------
    >>> load("static").transform.boxes
    2
    """
    net, card = checkpoints.load(name_of(arm), SpatialNet)
    return DefendedModel(net, transform_of(card), draws=draws, seed=seed)


def save(
    net: nn.Module, transform: Transform, card: checkpoints.Card, folder: Path = checkpoints.WEIGHTS
) -> Path:
    """Write weights in half precision, with a card that holds the transformation; return their path."""
    card = checkpoints.Card(**{**vars(card), "input": {**card.input, _KEY: vars(transform)}})
    return checkpoints.save(copy.deepcopy(net).half(), card, folder / card.name)


def transform_of(card: checkpoints.Card) -> Transform:
    """Return the transformation that a card holds.

    Raises
    ------
    BadInput
        If it holds none, or one that makes no sense.
    """
    fields = card.input.get(_KEY)
    if not isinstance(fields, Mapping):
        raise BadInput(f"{card.name}: its card holds no transformation: load it with `spatial.load`")
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    try:
        return Transform(**plain)
    except TypeError as error:
        raise BadInput(f"{card.name}: its card's transformation is damaged ({error})") from None
