"""Weights that travel with a card: what they are, what they eat, what they answer, what made them.

A checkpoint is two files: `NAME.safetensors` (numbers only, no code) and `NAME.json` (the card).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from .cache import atomic_write
from .errors import BadInput, DataVersionWarning
from .labels import LABELS

WEIGHTS = Path(__file__).parent / "weights"
_REMEDY = "run `python -m fer_nb.experiments.first_path` to make it again"
Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Card:
    """What stands beside weights.

    Attributes
    ----------
    name : str
    architecture : mapping, "class" and "arguments" with which the module is built
    input : mapping, shape and range of what the model eats, in words
    normalization : str, where it happens
    data_version, seed, code : what made the weights; code is the hash of package and lock
    recipe : str, hash of only what the training depends on
    metrics : mapping of name to value, on the validate block
    labels : list, the order of the logits
    """

    name: str
    architecture: Mapping[str, Any]
    input: Mapping[str, Any]
    normalization: str
    data_version: str
    seed: int
    code: str
    recipe: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = LABELS


def save(model: nn.Module, card: Card, path: str | Path) -> Path:
    """Write weights and card beside each other, each whole or not at all; return the weights' path.

    Examples
    --------
    >>> import tempfile
    >>> about = {"class": "Linear", "arguments": {"in_features": 2, "out_features": 7}}
    >>> card = Card("toy", about, {"shape": [2]}, "none", "none", 0, "0")
    >>> path = save(nn.Linear(2, 7), card, Path(tempfile.mkdtemp()) / "toy.safetensors")
    >>> load(path, nn.Linear)[1].name
    'toy'
    """
    path = Path(path).with_suffix(".safetensors")
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    atomic_write(path, save_tensors(tensors))
    atomic_write(path.with_suffix(".json"), (json.dumps(asdict(card), indent=1) + "\n").encode())
    return path


def read_card(name: str | Path) -> Card:
    """Read the card of shipped weights (a name) or of a file (a path).

    Raises
    ------
    BadInput
        If there is no card, or it is damaged, or its labels are not ours.
    """
    path = _path(name).with_suffix(".json")
    try:
        card = Card(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such weights: {_REMEDY}") from None
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"{path}: unreadable card ({_first_line(error)}): {_REMEDY}") from None
    if tuple(card.labels) != LABELS:
        raise BadInput(f"{path}: labels {', '.join(card.labels)} are not the package's: {_REMEDY}")
    return card


def load(
    name: str | Path, build: type[Model], *, data_version: str | None = None, device: str = "cpu"
) -> tuple[Model, Card]:
    """Build a model by its card and fill it with its weights.

    Parameters
    ----------
    name : str or Path, "temporal" and the like for shipped weights, or a path
    build : Module class, must be the one that the card names
    data_version : str or None, the one in force; weights of another one load with a warning
    device : str

    Returns
    -------
    model in evaluation mode, and its Card

    Raises
    ------
    BadInput
        If weights or card are missing, damaged, or belong to another class.
    """
    path, card = _path(name), read_card(name)
    if card.architecture.get("class") != build.__name__:
        raise BadInput(f"{path}: holds a {card.architecture.get('class')}, not a {build.__name__}: {_REMEDY}")
    if data_version is not None and card.data_version != data_version:
        warnings.warn(
            f"{path}: made with data {card.data_version}, but {data_version} is in force: {_REMEDY}",
            DataVersionWarning,
            stacklevel=2,
        )
    try:
        model = build(**card.architecture.get("arguments", {}))
        model.load_state_dict(load_tensors(path.read_bytes()))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such weights: {_REMEDY}") from None
    except (OSError, SafetensorError, RuntimeError, TypeError, ValueError) as error:
        raise BadInput(f"{path}: damaged weights ({_first_line(error)}): {_REMEDY}") from None
    return model.to(device).eval(), card


def _path(name: str | Path) -> Path:
    path = Path(name)
    shipped = isinstance(name, str) and path.name == name and not path.suffix
    return (WEIGHTS / name if shipped else path).with_suffix(".safetensors")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
