"""Ten ingredients of a Mime face and two of its training, each with a switch that leaves it out.

A switch is a context manager. While it is open, Mime's own functions are wrapped: what they draw at random
is drawn as before and then set to one plain value. So a clip made with a switch open shows the same person,
session and performance as without it, but for the ingredient. Nothing in `fer_nb.mime` is edited. A switch
holds in its own process, so clips have to be made inside of it, with `mime.blocks.dressed` and `perform`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from .. import augment, spatial, temporal
from ..crops import SIZE
from ..errors import BadInput
from ..mime import blocks, courses, people, scenes
from ..mime.courses import Course
from ..mime.people import Person
from ..mime.scenes import Scene

Make = Callable[..., Any]
FACES = 200  # random faces whose mean is everyone's face where shape does not vary
PLAIN_PAINT = ("mottle", "freckles", "moles", "beard", "moustache", "stubble", "makeup", "eye_bags")
PLAIN_HAIR = {
    "volume": 0.06, "low": 0.38, "lift": 0.05, "back": 0.0, "taper": 0.0, "bald": 0.0, "fringe": 0.0,
}  # fmt: skip
PLAIN_CAMERA = {
    "blur": 0.2, "noise": 0.0, "quality": 95.0, "gamma": 1.0, "exposure": 0.54, "red": 1.0, "blue": 1.0,
    "vignette": 0.0, "grey": 0.0,
}  # fmt: skip
# From the front and 20 degrees above; the other numbers are the middle of what everyday scenes draw.
PLAIN_LIGHT = np.array(
    [[0, 0.342, 0.940], [0.8, 0.8, 0.8], [0.35, 0.35, 0.35], [0.24, 0.24, 0.24], [1.4, 24, 0.28], [0.6, 0, 0]]
)


@dataclass(frozen=True)
class Ingredient:
    """What a face or a training is made of, and what is left when it is missing.

    Attributes
    ----------
    title : for tables and figures
    without : what everyone has in its place
    branches : whose training it can change
    off : opens the switch
    drawn : True where clips have to be made anew, False where only the training differs
    """

    title: str
    without: str
    off: Callable[[], AbstractContextManager[Any]]
    branches: tuple[str, ...] = ("temporal", "spatial")
    drawn: bool = True


def _wrapped(owner: Any, name: str, around: Callable[[Make], Make]) -> AbstractContextManager[Any]:
    """Replace a function of a module by `around` of it, as long as the context lasts."""
    return patch.object(owner, name, around(getattr(owner, name)))


def _then(change: Callable[[Any], Any]) -> Callable[[Make], Make]:
    """Wrap a function so that its answer is changed."""
    return lambda make: lambda *given, **named: change(make(*given, **named))


@contextmanager
def _all(*contexts: AbstractContextManager[Any]) -> Iterator[None]:
    """Open several contexts as one."""
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield


# ---------------------------------------------------------------- the face


def _no_furrows(person: Person) -> Person:
    """Keep the creases of rest, which are the first slope map, and flatten those of the units."""
    slopes = person.skin.slopes.copy()
    slopes[1:] = 0
    return replace(person, skin=replace(person.skin, slopes=slopes))


def _no_style(person: Person) -> Person:
    """Give everyone the same way of moving; how often one blinks stays."""
    none = np.zeros_like(person.style.rest)
    plain: dict[str, Any] = {"lean": none, "rest": none, "habit": none, "onset": 1.0, "hold": 1.0}
    return replace(person, style=replace(person.style, gain=none + 1, **plain))


def _no_occluders(scene: Scene) -> Scene:
    return replace(scene, hair=dict(PLAIN_HAIR), glasses=None)


def _no_pose(course: Course) -> Course:
    return replace(course, pose=np.zeros_like(course.pose))


def _no_gaze(course: Course) -> Course:
    return replace(course, gaze=np.zeros_like(course.gaze))


@functools.cache
def mean_face() -> np.ndarray:
    """Return the mean of many random resting faces, (478, 3) in face units."""
    rng = np.random.default_rng(0)
    return np.mean([people.face_shape(rng) for _ in range(FACES)], axis=0)


def furrows() -> AbstractContextManager[Any]:
    """Units move the skin but fold it nowhere."""
    return _wrapped(people, "make_person", _then(_no_furrows))


def paint() -> AbstractContextManager[Any]:
    """One skin tone for all, without spots, moles, beards, makeup and shadows under the eyes."""
    plain = dict.fromkeys(PLAIN_PAINT, 0.0)
    tone = np.broadcast_to(people.TONES.mean(0), people.TONES.shape)
    looks = _wrapped(people, "make_look", _then(lambda look: {**look, **plain}))
    return _all(looks, patch.object(people, "TONES", tone))


def light() -> AbstractContextManager[Any]:
    """The same lamp, sky and ground in every session."""
    return _wrapped(scenes, "_light", _then(lambda rows: PLAIN_LIGHT.copy()))


def camera() -> AbstractContextManager[Any]:
    """A sharp camera without noise, tint and vignette, and JPEG of high quality."""
    return _wrapped(scenes, "_camera", _then(lambda drawn: {**drawn, **PLAIN_CAMERA}))


def occluders() -> AbstractContextManager[Any]:
    """Short hair for all: no fringe, no glasses."""
    return _wrapped(blocks, "make_scene", _then(_no_occluders))


def pose() -> AbstractContextManager[Any]:
    """A head that looks straight ahead and never moves."""
    return _wrapped(blocks, "make_course", _then(_no_pose))


def restless() -> AbstractContextManager[Any]:
    """No blinks, no talking, no wandering gaze, no twitching units."""

    def still(make: Make) -> Make:
        def wander(rng: Any, seconds: Any, size: float, count: int) -> np.ndarray:
            moved = make(rng, seconds, size, count)
            return np.zeros_like(moved) if count == 1 else moved  # one column: the restlessness of a unit

        return wander

    def silent(talk: Make) -> Make:
        return lambda rng, seconds, units: talk(rng, seconds, units.copy())

    return _all(
        _wrapped(courses, "blinks", _then(np.zeros_like)),
        _wrapped(courses, "_talk", silent),
        _wrapped(courses, "wander", still),
        _wrapped(blocks, "make_course", _then(_no_gaze)),
    )


def style() -> AbstractContextManager[Any]:
    """Everyone moves alike: no gains, no leaning to one side, no habits, no resting tension."""
    return _wrapped(people, "make_person", _then(_no_style))


def prototypes() -> AbstractContextManager[Any]:
    """The first prototype of each class only; units are still weakened, left out and added at random."""
    first = {label: many[:1] * len(many) for label, many in courses.PROTOTYPES.items()}
    return patch.object(courses, "PROTOTYPES", first)


def shape() -> AbstractContextManager[Any]:
    """Everyone has the mean face."""
    everyone = mean_face()
    return _wrapped(people, "face_shape", _then(lambda face: everyone.copy()))


# ---------------------------------------------------------------- the training


def repainting() -> AbstractContextManager[Any]:
    """Stills keep their own tones and textures: no shadows, patches or random filters drawn anew."""

    def same(x: torch.Tensor) -> torch.Tensor:
        return x

    return _all(
        patch.object(spatial, "tones", lambda points, rng: np.ones((SIZE, SIZE), np.float32)),
        patch.object(augment, "repaint", same),
        patch.object(augment, "refilter", same),
    )


def weakening() -> AbstractContextManager[Any]:
    """Motion is shown at its own strength only."""
    return patch.object(temporal, "_GAIN", (0.0, 0.0))


INGREDIENTS: dict[str, Ingredient] = {
    "furrows": Ingredient("furrows", "skin that moves but does not fold", furrows),
    "paint": Ingredient("skin paint", "one tone, no spots, beards or makeup", paint),
    "light": Ingredient("varied light", "one lamp, from the front and above", light),
    "camera": Ingredient("camera faults", "a sharp, clean camera", camera),
    "occluders": Ingredient("hair and glasses", "short hair, no glasses", occluders),
    "pose": Ingredient("head pose and sway", "a head that looks straight ahead", pose),
    "restless": Ingredient("blinks, talk, gaze", "nothing but the expression moves", restless),
    "style": Ingredient("personal style", "everyone moves alike", style),
    "prototypes": Ingredient("many prototypes", "one prototype a class", prototypes),
    "shape": Ingredient("face shapes", "everyone has the mean face", shape),
    "repainting": Ingredient(
        "repainted stills", "stills as they were taken", repainting, ("spatial",), False
    ),
    "weakening": Ingredient("weakened motion", "motion at its own strength", weakening, ("temporal",), False),
}


def without(name: str) -> AbstractContextManager[Any]:
    """Leave an ingredient out while the context is open; "" leaves nothing out.

    Parameters
    ----------
    name : one of `INGREDIENTS`, or ""

    Raises
    ------
    BadInput
        For another name.

    Examples
    --------
    >>> with without("weakening"):
    ...     temporal._GAIN
    (0.0, 0.0)
    """
    if name and name not in INGREDIENTS:
        raise BadInput(f"unknown ingredient {name!r}: use one of {', '.join(INGREDIENTS)}")
    return INGREDIENTS[name].off() if name else nullcontext()
