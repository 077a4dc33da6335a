"""Two pairs of clips that only timing separates.

The two clips of a pair hold the same levels of the same expression, each as often, in another order. What
else moves (blinks, gaze, head, restlessness) is drawn alike for both. So no single frame and no unordered bag
of frames tells them apart.

- *onset*: a smile that springs up and fades slowly, against one that grows slowly and is gone at once. How
  fast a smile sets in is among the marks by which posed and spontaneous smiles differ (Cohn and Schmidt 2004,
  "The timing of facial motion in posed and spontaneous smiles").
- *rhythm*: brows, lids and lips that open twice, briefly, against once, slowly and for as long in all.

The clips are extra to those of `mime.block`: the same people, in the dress and light of the same sessions.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import cache
from ..clips import Clip
from ..errors import BadInput
from . import blocks, render
from .courses import OPENERS, PROTOTYPES, Course, blinks, wander
from .packing import JpegFrames, pack
from .people import Style
from .populations import LICENCE, VERSION, bare, fingerprint, spec, subject_id
from .units import INDEX, UNITS

PAIRS: dict[str, tuple[str, str]] = {"onset": ("springs", "grows"), "rhythm": ("twice", "once")}
KINDS: tuple[str, ...] = tuple(kind for pair in PAIRS.values() for kind in pair)
LABEL = {"springs": "happiness", "grows": "happiness", "twice": "surprise", "once": "surprise"}
RATES = (12.5, 15.0)  # frames a second
STRENGTH = (0.55, 1.0)

Job = tuple[Path, str, int, int, int, bool]  # file, block, first person, last, session, shifted


def kind_of(clip: Any) -> str:
    """Return which of `KINDS` a clip, or the face sequence made of it, shows.

    Raises
    ------
    BadInput
        If it is no clip of `clips`.
    """
    if "/timing/" not in (clip.source or ""):
        raise BadInput(f"{clip.source or 'clip'}: is no timing clip: make one with mime.timing.clips")
    return KINDS[int((clip.conditions or {})["prototype"])]


def levels(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return the level of the expression in each frame, (T,), 0 to 1; T is 18 to 28.

    The levels of a pair's two kinds from equal generators are permutations of each other.

    Raises
    ------
    BadInput
        For a kind that is not one of `KINDS`.

    Examples
    --------
    >>> one, other = (levels(kind, np.random.default_rng(0)) for kind in PAIRS["rhythm"])
    >>> bool((np.sort(one) == np.sort(other)).all()), bool((one == other).all())
    (True, False)
    """
    if kind not in KINDS:
        raise BadInput(f"unknown kind {kind!r}: use one of {', '.join(KINDS)}")
    before, after = np.zeros(rng.integers(4, 7)), np.zeros(rng.integers(4, 7))
    if kind in PAIRS["onset"]:
        quick, top = _rise(int(rng.integers(1, 3))), np.ones(rng.integers(2, 4))
        slow = _rise(int(rng.integers(6, 9)))
        course = np.concatenate([before, quick, top, slow[::-1], after])
        return course if kind == "springs" else course[::-1]
    up, top, gap = _rise(4), np.ones(rng.integers(1, 3)), np.zeros(rng.integers(2, 4))
    if kind == "once":
        return np.concatenate([before, up, top, top, up[::-1], gap, after])
    first, second = up[::2], up[1::2]  # every other step of the slow rise
    pulses = [first, top, first[::-1], gap, second, top, second[::-1]]
    return np.concatenate([before, *pulses, after])


def _rise(steps: int) -> np.ndarray:
    """Levels strictly between rest and top, rising smoothly, (steps,)."""
    return 0.5 - 0.5 * np.cos(np.pi * np.arange(1, steps + 1) / (steps + 1))


def make_course(
    kind: str,
    same: np.random.Generator,
    own: np.random.Generator,
    style: Style,
    scene_pose: np.ndarray,
    sway: float,
) -> Course:
    """Return a performance of one kind.

    Parameters
    ----------
    kind : one of `KINDS`
    same : generator of what both clips of a pair share: prototype, strength, levels
    own : generator of what each clip has for itself: blinks, gaze, head, restlessness
    style, scene_pose, sway : as in `courses.make_course`
    """
    prototypes = PROTOTYPES[LABEL[kind]]
    wanted = prototypes[int(same.integers(len(prototypes)))]
    strength, fps = float(same.uniform(*STRENGTH)), float(same.choice(RATES))
    target = np.zeros(len(UNITS))
    for name, typical in wanted.items():
        if not name.endswith("?") or same.random() < 0.5:
            target[INDEX[name.rstrip("?")]] = typical * same.uniform(0.75, 1.2)
    target = np.clip(target * strength * style.gain, 0, 1.15)
    level = levels(kind, same)
    seconds = np.arange(len(level)) / fps
    units = level[:, None] * target + style.rest * own.uniform(0, 2, len(UNITS))  # (T, U)
    still = [i for i, unit in enumerate(UNITS) if unit not in OPENERS]
    for u in own.choice(still, 4, replace=False):
        units[:, u] += np.clip(wander(own, seconds, 0.05, 1)[:, 0], 0, 0.12)
    shut = INDEX["AU43"]
    units[:, shut] = np.maximum(units[:, shut], blinks(own, seconds, style.blink))
    lean = style.lean * (np.arange(len(UNITS)) != shut)
    left, right = np.clip(units * (1 + lean), 0, 1.2), np.clip(units * (1 - lean), 0, 1.2)
    left[:, shut], right[:, shut] = (side[:, shut].clip(0, 1) for side in (left, right))
    pose = scene_pose + wander(own, seconds, 2.2 * sway, 3)
    gaze = wander(own, seconds, 3, 2)
    return Course(left, right, pose, gaze, fps, strength, KINDS.index(kind), talking=False, returns=True)


def perform(model: render.Model, block: str, person: int, session: int, kind: str, shifted: bool) -> Clip:
    """Return one clip of a dressed person; everything follows from the arguments."""
    number = spec(block).first + person
    pair = next(k for k, both in enumerate(PAIRS.values()) if kind in both)
    start = [0x54696D65, int(shifted), number, session]
    same, own = np.random.default_rng([*start, pair]), np.random.default_rng([*start, 9, KINDS.index(kind)])
    course = make_course(kind, same, own, model.person.style, model.scene.pose, model.scene.sway)
    packed, truth = blocks.film(model, course, own)
    conditions = {
        "person": person, "session": session, "shifted": shifted, "strength": course.strength,
        "talking": False, "prototype": course.prototype, "returns": True,
        "glasses": model.scene.glasses is not None,
    }  # fmt: skip
    units = ((course.left + course.right) / 2).astype(np.float32)
    frames = JpegFrames(tuple(packed))
    return _clip(
        block,
        label=LABEL[kind],
        conditions=conditions,
        frames=frames,
        fps=course.fps,
        landmarks=truth,
        units=units,
    )


def _clip(block: str, *, conditions: dict[str, Any], **fields: Any) -> Clip:
    """Return a clip with its subject and source, which follow from block and conditions."""
    subject = subject_id(block, conditions["person"])
    end = "/shift" if conditions["shifted"] else ""
    source = f"{subject}/s{conditions['session']}/timing/{KINDS[conditions['prototype']]}{end}"
    return Clip(subject=subject, source=source, licence=LICENCE, conditions=conditions, **fields)


@functools.cache
def version() -> str:
    """Return the name of the cache folder: it changes when pictures or this module change."""
    source = bare(Path(__file__).read_text(encoding="utf-8"))
    return f"{VERSION}-{fingerprint()}-timing-{hashlib.sha256(source.encode()).hexdigest()[:8]}"


def cache_file(block: str, first: int, session: int, shifted: bool) -> Path:
    """Return where the clips of the people from `first` on are kept.

    Examples
    --------
    >>> cache_file("fit", 5, 0, False).parts[-2:]
    ('fit-session0', 'people-0005.npz')
    """
    name = f"{block}{'-shift' if shifted else ''}-session{session}"
    return cache.cache_dir() / version() / name / f"people-{first:04d}.npz"


def clips(
    name: str,
    *,
    people: int,
    sessions: Sequence[int] = (0,),
    shifted: bool = False,
    workers: int | None = None,
    progress: bool = True,
) -> list[Clip]:
    """Return timing clips of the first people of a block: the four `KINDS` for each person and session.

    Missing cache files are made first, about 0.2 s a clip on one core.

    Parameters
    ----------
    name : one of `mime.BLOCKS`
    people : how many, from the first
    sessions : which takes; each has its own light, camera, hair and clothes, and other performances
    shifted : in scenes of the families never used in training
    workers : processes; None for one a core
    progress : show a bar on standard error

    Returns
    -------
    list of Clip
        By session, then by person, then in the order of `KINDS`. `label` is the expression; `kind_of` says
        which kind of timing it has.

    Raises
    ------
    BadInput
        Unknown block, more people than it has, or a session it does not have.
    CacheError
        The cache folder cannot be written.
    """
    where = spec(name)
    if not 1 <= people <= where.people or not all(0 <= s < where.sessions for s in sessions):
        raise BadInput(
            f"block {name!r} has {where.people} people and sessions 0 to {where.sessions - 1}: ask for those"
        )
    jobs: list[Job] = [
        (
            cache_file(name, first, session, shifted),
            name,
            first,
            min(first + blocks.GROUP, where.people),
            session,
            shifted,
        )
        for session in sessions
        for first in range(0, people, blocks.GROUP)
    ]
    title = f"timing clips, {name}" if progress else None
    return blocks.kept(jobs, _make, _clip, people=people, workers=workers, title=title)


def _make(job: Job) -> None:
    """Make the clips of a few people and save them."""
    path, block, first, last, session, shifted = job
    made = []
    for person in range(first, last):
        model = blocks.dressed(block, person, session, shifted=shifted)
        made += [perform(model, block, person, session, kind, shifted) for kind in KINDS]
    cache.save_arrays(path, pack(made))
