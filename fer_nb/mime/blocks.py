"""Clips of people: filmed one by one, or block by block, made on demand and cached.

A cache file holds the clips of five people of one session, as JPEG frames. Files are written whole or not
at all, checked when read, and made again when damaged, so a killed run goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import cache, labels
from .._parallel import cores, spread
from ..clips import Clip
from ..errors import BadInput, CacheError
from ..labels import LABELS
from . import people, render
from .courses import Course, make_course
from .packing import JpegFrames, encode, pack, unpack
from .populations import LICENCE, VERSION, fingerprint, spec, subject_id
from .scenes import make_scene

GROUP = 5  # people in one cache file


def film(
    model: render.Model, course: Course, rng: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray]:
    """Take the pictures of one performance.

    The exposure is set at the first frame, as a camera's that does not pump.

    Returns
    -------
    JPEG bytes of each frame, and the true landmarks (T, 478, 3) float32 in pixels
    """
    packed, truth, camera = [], [], model.scene.camera
    for t in range(len(course.left)):
        linear, points = render.frame(model, course.left[t], course.right[t], course.pose[t], course.gaze[t])
        if "gain" not in camera:
            camera = render.metered(camera, linear, points)
        packed.append(encode(render.expose(linear, camera, rng), camera["quality"]))
        truth.append(points)
    return packed, np.stack(truth)


def _clip(block: str, *, label: str, conditions: dict[str, Any], **fields: Any) -> Clip:
    """Return a clip with its subject and source, which follow from block, label and conditions."""
    subject = subject_id(block, conditions["person"])
    source = f"{subject}/s{conditions['session']}/{label}" + ("/shift" if conditions["shifted"] else "")
    return Clip(label=label, subject=subject, source=source, licence=LICENCE, conditions=conditions, **fields)


def perform(
    model: render.Model, block: str, person: int, session: int, label: str, seed: int, shifted: bool
) -> Clip:
    """Return one clip of a dressed person; everything follows from the arguments."""
    number = spec(block).first + person
    rng = np.random.default_rng([0x436C6970, seed, int(shifted), number, session, LABELS.index(label)])
    course = make_course(rng, label, model.person.style, model.scene.pose, model.scene.sway, shifted)
    packed, truth = film(model, course, rng)
    conditions = {
        "person": person,
        "session": session,
        "shifted": shifted,
        "strength": course.strength,
        "talking": course.talking,
        "prototype": course.prototype,
        "returns": course.returns,
        "glasses": model.scene.glasses is not None,
    }
    return _clip(
        block,
        label=label,
        conditions=conditions,
        frames=JpegFrames(tuple(packed)),
        fps=course.fps,
        landmarks=truth,
        units=((course.left + course.right) / 2).astype(np.float32),
    )


def dressed(block: str, person: int, session: int, seed: int = 0, shifted: bool = False) -> render.Model:
    """Return a person of a block in the dress and light of one session.

    Raises
    ------
    BadInput
        Unknown block, or a person or session that it does not have.
    """
    where = spec(block)
    if not 0 <= person < where.people or not 0 <= session < where.sessions:
        raise BadInput(
            f"block {block!r} has people 0 to {where.people - 1} and sessions 0 to {where.sessions - 1}, "
            f"not person {person}, session {session}"
        )
    number = where.first + person
    return render.dress(people.make_person(number), make_scene((seed, number, session), shifted))


def clip(block: str, person: int, session: int, label: str, *, seed: int = 0, shifted: bool = False) -> Clip:
    """Return one clip, made afresh (about 0.3 s), with its true landmarks, units and conditions.

    It is the same clip, bit for bit, as the one in `block`.

    Parameters
    ----------
    block : one of `BLOCKS`
    person, session : numbers within the block, from 0
    label : one of `labels.LABELS`
    seed, shifted : as in `block`

    Raises
    ------
    BadInput
        Unknown block or label, or a person or session that the block does not have.

    Examples
    --------
    >>> smile = clip("fit", 0, 0, "happiness")
    >>> smile.landmarks.shape[1:], smile.units.shape[1], smile.subject
    ((478, 3), 22, 'mime-v2/fit/0000')
    """
    labels.index(label)
    return perform(
        dressed(block, person, session, seed, shifted), block, person, session, label, seed, shifted
    )


def reenact(performance: Clip, block: str, person: int) -> Clip:
    """Return the same performance by another person: same units and moments, own face and scene.

    It needs the true action units, which only Mime knows; no real anonymizer has them. The head stays in
    the pose of the new person's first session and the eyes look ahead.

    Parameters
    ----------
    performance : a Mime clip
    block, person : who performs it now

    Raises
    ------
    BadInput
        If the clip carries no true units, or the block has no such person.

    Examples
    --------
    >>> twin = reenact(clip("fit", 0, 0, "fear"), "fit", 5)
    >>> twin.label, twin.subject
    ('fear', 'mime-v2/fit/0005')
    """
    if performance.units is None:
        raise BadInput(
            f"{performance.source or 'clip'}: carries no true action units: only Mime clips can be reenacted"
        )
    model = dressed(block, person, 0)
    units = performance.units.astype(float)  # (T, U)
    count = len(units)
    course = Course(
        left=units,
        right=units,
        pose=np.tile(model.scene.pose, (count, 1)),
        gaze=np.zeros((count, 2)),
        fps=performance.fps,
        strength=1.0,
        prototype=0,
        talking=False,
        returns=False,
    )
    packed, truth = film(model, course, np.random.default_rng(person))
    subject = subject_id(block, person)
    return Clip(
        frames=JpegFrames(tuple(packed)),
        fps=performance.fps,
        landmarks=truth,
        label=performance.label,
        subject=subject,
        source=f"{performance.source} reenacted by {subject}",
        licence=LICENCE,
        units=performance.units,
    )


Job = tuple[Path, str, int, int, int, int, bool]  # file, block, first person, last, session, seed, shifted


def _make_group(job: Job) -> int:
    """Make the clips of a few people and save them; return how many people."""
    path, block, first, last, session, seed, shifted = job
    clips = []
    for person in range(first, last):
        model = dressed(block, person, session, seed, shifted)
        clips += [perform(model, block, person, session, label, seed, shifted) for label in LABELS]
    cache.save_arrays(path, pack(clips))
    return last - first


def cache_file(block: str, first: int, session: int, seed: int, shifted: bool) -> Path:
    """Return where the clips of the group of people beginning at `first` are kept.

    Examples
    --------
    >>> cache_file("fit", 5, 0, 0, True).parts[-3:]
    ('fit-shift', 'seed0-session0', 'people-0005.npz')
    """
    home = cache.cache_dir() / f"{VERSION}-{fingerprint()}" / (block + ("-shift" if shifted else ""))
    return home / f"seed{seed}-session{session}" / f"people-{first:04d}.npz"


def block(
    name: str,
    *,
    people: int | None = None,
    sessions: Sequence[int] = (0,),
    seed: int = 0,
    shifted: bool = False,
    workers: int | None = None,
    progress: bool = True,
) -> list[Clip]:
    """Return the clips of a block: seven classes for each person and session.

    Missing cache files are made first, in several processes with a progress bar: about 9 ms a frame on
    one core. Frames decode lazily. A run that was stopped goes on where it stopped.

    Parameters
    ----------
    name : one of `BLOCKS`
    people : how many people, from the first; all of the block if None
    sessions : which takes; each has its own light, camera, hair and clothes
    seed : another seed gives other sessions and performances of the same people
    shifted : the shifted twin: light, hair, background, camera and timing never used in training
    workers : processes; None for one a core
    progress : show a bar on standard error

    Returns
    -------
    list of Clip
        By session, then by person, then in the order of `labels.LABELS`.

    Raises
    ------
    BadInput
        Unknown block, more people than it has, or a session it does not have.
    CacheError
        The cache folder cannot be written.
    """
    where = spec(name)
    count = where.people if people is None else people
    if not 1 <= count <= where.people:
        raise BadInput(f"block {name!r} has {where.people} people, not {count}: ask for 1 to {where.people}")
    for session in sessions:
        if not 0 <= session < where.sessions:
            raise BadInput(f"block {name!r} has sessions 0 to {where.sessions - 1}, not {session}")
    jobs = [
        (
            cache_file(name, first, session, seed, shifted),
            *(name, first, min(first + GROUP, where.people), session, seed, shifted),
        )
        for session in sessions
        for first in range(0, count, GROUP)
    ]
    title = f"{VERSION} {name}" if progress else None
    return kept(jobs, _make_group, _clip, people=count, workers=workers, title=title)


def kept(
    jobs: Sequence[Any],
    make: Callable[[Any], Any],
    rebuild: Callable[..., Clip],
    *,
    people: int,
    workers: int | None = None,
    title: str | None = None,
) -> list[Clip]:
    """Make the cache files that do not exist yet, in processes; return the clips of the first `people`.

    Parameters
    ----------
    jobs : what to make; each begins with its file and its block
    make : makes the file of a job
    rebuild : makes a clip of a block's name and the fields of a packed clip
    workers : processes; None for one a core
    title : of the progress bar; None for no bar
    """
    todo = [job for job in jobs if not job[0].exists()]
    if todo:
        spread(make, todo, workers=min(workers or cores(), len(todo)), progress=title)
    made = (clip for job in jobs for clip in _read(job, make, rebuild))
    return [clip for clip in made if (clip.conditions or {})["person"] < people]


def _read(job: Any, make: Callable[[Any], Any], rebuild: Callable[..., Clip]) -> list[Clip]:
    """Read the clips of a few people; make them again if the file was damaged since."""
    arrays = cache.load_arrays(job[0])
    if arrays is None:
        make(job)
        arrays = cache.load_arrays(job[0])
    if arrays is None:
        raise CacheError(f"{job[0]}: is damaged as soon as it is written: set FER_NB_CACHE to another folder")
    return [rebuild(job[1], **fields) for fields in unpack(arrays)]
