"""What the study of membership needs: people, kept models, and scores of people.

A model is trained once and asked about everybody: members in the session it learned from and in another
one, and people whom no model has seen. Its weights are kept, so that a stopped run goes on where it was.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from .. import mime
from ..apex_stills import Stills, stills
from ..cache import cache_dir, load_arrays, save_arrays
from ..errors import FerError
from ..membership import Roc, ask, by_person, log_odds, roc, shadow_people, surprise
from ..mime.populations import bare
from ..private_training import SmallNet
from . import _units
from ._membership_recipes import GENERATED, Recipe, classes, flat, recipes

_CODE = ("apex_stills", "augment", "spatial", "training", "private_training",
         "experiments/_membership_recipes")  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """How many people are in the training, are the attacker's, are in no training; trainings attacked.

    The first 100 *fit* people are also those whom the generator of chapter 09 learned from.
    """

    members: int = 100
    owned: int = 150
    others: int = 5000
    targets: int = 3


@dataclass(frozen=True)
class Sides:
    """Who is asked about: members in their training session and in another, and non-members."""

    exact: Stills
    sessions: Stills
    others: Stills


@functools.cache
def sides(sizes: Sizes) -> Sides:
    """Make or read the stills of everybody whom the models are asked about."""
    exact, again = (stills("fit", people=sizes.members, session=session) for session in (0, 1))
    return Sides(exact, again, stills("non-members", people=sizes.others))


@functools.cache
def owned(sizes: Sizes) -> Stills:
    """Make or read the stills of the people whom the attacker owns."""
    return stills("attacker", people=sizes.owned)


# ---------------------------------------------------------------- models, kept


@functools.cache
def code() -> str:
    """Hash of the data version and of the code that decides a model."""
    source = bare(inspect.getsource(shadow_people))
    return _units.recipe(mime.VERSION, mime.fingerprint(), source, modules=_CODE)


def model_of(recipe: Recipe, role: str, number: int, sizes: Sizes) -> nn.Module:
    """Train one model, or read its weights.

    Parameters
    ----------
    recipe : Recipe
    role : "target", trained on the members, or "shadow", on people of the attacker
    number : which of them; the seed follows from it
    sizes : Sizes
    """
    trained_on = f"{sizes.members}" if role == "target" else f"{sizes.members}of{sizes.owned}"
    name = f"{_name(recipe)}-{role}-{trained_on}-{number}.npz"
    path = cache_dir() / "experiments" / "membership" / code() / name
    model: nn.Module = SmallNet()
    if (kept := load_arrays(path)) is not None:
        model.load_state_dict({key: torch.from_numpy(value) for key, value in kept.items()})
        return model.eval()
    if role == "shadow":
        rows = shadow_people(sizes.owned, sizes.members, recipe.shadows, seed=1)[number]
        model = recipe.train(owned(sizes).crops[rows], 100 + number)
    else:
        model = recipe.train(stills("fit", people=sizes.members).crops, number)
    save_arrays(path, {key: value.numpy() for key, value in model.state_dict().items()})
    return model.eval()


def answers(model: nn.Module, sizes: Sizes) -> dict[str, np.ndarray]:
    """Ask any recognizer, (B, 1, 64, 64) in [0, 1] to (B, 7) logits, about everybody.

    Returns
    -------
    dict of log odds `exact`, `sessions` (M, 7) and `others` (N, 7), and the same with `_hit`, bool
    """
    out = {}
    for side in ("exact", "sessions", "others"):
        out[side], out[f"{side}_hit"] = ask_stills(model, getattr(sides(sizes), side))
    return out


def _name(recipe: Recipe) -> str:
    """Name of a recipe in the cache; what is trained on generated faces depends on the generator."""
    if recipe.name != GENERATED:
        return recipe.name
    from .. import checkpoints

    digest = hashlib.sha256(repr(checkpoints.read_card("anonymizer")).encode())
    return f"{recipe.name}-{digest.hexdigest()[:8]}"


def ask_stills(model: nn.Module, who: Stills) -> tuple[np.ndarray, np.ndarray]:
    """Return a recognizer's log odds of the truth and its hits for stills, both (P, 7)."""
    odds, hits = [], []
    for crops in np.array_split(who.crops, max(1, len(who) // 50)):
        logits, y = ask(model, flat(crops)), classes(len(crops))
        odds.append(log_odds(logits, y))
        hits.append(logits.argmax(1) == y)
    shape = who.found.shape
    return torch.cat(odds).numpy().reshape(shape), torch.cat(hits).numpy().reshape(shape)


def available() -> dict[str, Recipe]:
    """Return the recipes whose material is there; the generator's weights may be missing."""
    found = recipes()
    try:
        _name(found[GENERATED])
    except FerError:
        del found[GENERATED]
    return found


# ---------------------------------------------------------------- scores


@dataclass(frozen=True)
class Scores:
    """Scores of one game: for each target the scores of the M members and of the N non-members."""

    members: tuple[np.ndarray, ...]
    others: tuple[np.ndarray, ...]

    def curve(self, fpr: np.ndarray) -> np.ndarray:
        """Return the share of members found at each share of false accusations, the mean over targets."""
        curves: list[Roc] = [roc(m, o) for m, o in zip(self.members, self.others, strict=True)]
        return np.array([np.mean([c.found_at(f) for c in curves]) for f in fpr])


def scores(
    game: str, targets: list[dict[str, np.ndarray]], shadows: list[dict[str, np.ndarray]], sizes: Sizes
) -> Scores:
    """Score everybody in one game, "exact" or "sessions", against one or more targets.

    Without shadows the score is the target's own certainty.
    """
    sided: dict[str, list[np.ndarray]] = {game: [], "others": []}
    for target in targets:
        for side, out in sided.items():
            odds = target[side]
            if shadows:
                stacked = np.stack([shadow[side].ravel() for shadow in shadows])
                odds = surprise(odds.ravel(), stacked).reshape(odds.shape)
            out.append(by_person(odds, getattr(sides(sizes), side).found))
    return Scores(tuple(sided[game]), tuple(sided["others"]))
