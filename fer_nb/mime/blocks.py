"""Blocks of people: who exists in a data version, and their clips, made on demand and cached.

The blocks are disjoint ranges of identity numbers. A cache file holds the clips of five people of
one session, as JPEG frames; files are written whole or not at all, checked when read, and made again
when damaged, so a killed run goes on where it stopped.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .. import cache
from .._parallel import cores, spread
from ..clips import Clip
from ..errors import BadInput
from ..labels import LABELS
from . import people, render
from .courses import Course, make_course
from .scenes import make_scene
from .units import UNITS

VERSION = "mime-v1"
GROUP = 5  # people in one cache file


@dataclass(frozen=True)
class BlockSpec:
    """A population: how many people, how many sessions, and the first identity number."""

    people: int
    sessions: int
    first: int


BLOCKS: dict[str, BlockSpec] = {
    "fit": BlockSpec(400, 3, 0),
    "validate": BlockSpec(50, 3, 1_000),
    "test": BlockSpec(150, 3, 2_000),
    "attacker": BlockSpec(300, 3, 3_000),
    "non-members": BlockSpec(5_000, 1, 10_000),
    "sealed": BlockSpec(100, 1, 20_000),
}


@dataclass(frozen=True)
class JpegFrames(Sequence):  # type: ignore[type-arg]
    """Frames kept as JPEG bytes and decoded one at a time: (T, H, W, 3) uint8 RGB."""

    packed: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, i):  # type: ignore[no-untyped-def]
        if isinstance(i, slice):
            return np.stack([self[k] for k in range(*i.indices(len(self)))])
        return cv2.cvtColor(cv2.imdecode(self.packed[i], cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:  # type: ignore[no-untyped-def]
        return np.stack(list(self)).astype(dtype or np.uint8)


PICTURES = (
    "template",
    "units",
    "head",
    "skin",
    "people",
    "scenes",
    "courses",
    "raster",
    "render",
)  # what a frame depends on


@functools.cache
def fingerprint() -> str:
    """Return eight digits that change when frames may change, so that no stale cache is read.

    They stand for the code that makes pictures, without comments and layout, and for the template.

    >>> len(fingerprint())
    8
    """
    digest = hashlib.sha256(Path(__file__).with_name("template.npz").read_bytes())
    for name in PICTURES:
        tree = ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
                and ast.get_docstring(node) is not None
            ):
                node.body = node.body[1:] or [ast.Pass()]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:8]


def subject_id(block: str, person: int, version: str = VERSION) -> str:
    """Return the name of a person, as clips and splits carry it.

    >>> subject_id("fit", 7)
    'mime-v1/fit/0007'
    """
    return f"{version}/{block}/{person:04d}"


def spec(block: str) -> BlockSpec:
    """Return the block's size and identity range; raise `BadInput` for an unknown block."""
    try:
        return BLOCKS[block]
    except KeyError:
        raise BadInput(f"unknown block {block!r}: use one of {', '.join(BLOCKS)}") from None


def film(
    model: render.Model, course: Course, rng: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the JPEG bytes of each frame and the true landmarks (T, 478, 3) of one performance."""
    packed, truth, camera = [], [], dict(model.scene.camera)
    for t in range(len(course.left)):
        linear, points = render.frame(model, course.left[t], course.right[t], course.pose[t], course.gaze[t])
        if "gain" not in camera:
            camera["gain"] = render.auto_gain(linear, points, camera["exposure"])
        image = render.expose(linear, camera, rng)
        packed.append(
            cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(camera["quality"])])[
                1
            ].ravel()
        )
        truth.append(points)
    return packed, np.stack(truth)


def perform(
    model: render.Model, block: str, person: int, session: int, label: str, seed: int, shifted: bool
) -> Clip:
    """Return one clip of a dressed person; everything follows from the arguments."""
    number = spec(block).first + person
    rng = np.random.default_rng([0x436C6970, seed, int(shifted), number, session, LABELS.index(label)])
    course = make_course(rng, label, model.person.style, model.scene.pose, model.scene.sway, shifted)
    packed, truth = film(model, course, rng)
    conditions = {"person": person, "session": session, "shifted": shifted, "strength": course.strength, "talking": course.talking,
                  "prototype": course.prototype, "returns": course.returns, "glasses": model.scene.glasses is not None}  # fmt: skip
    return Clip(frames=JpegFrames(tuple(packed)), fps=course.fps, landmarks=truth, label=label, subject=subject_id(block, person),
                source=f"{subject_id(block, person)}/s{session}/{label}" + ("/shift" if shifted else ""), licence="CC BY 4.0",
                units=((course.left + course.right) / 2).astype(np.float32), conditions=conditions)  # fmt: skip


def dressed(block: str, person: int, session: int, seed: int = 0, shifted: bool = False) -> render.Model:
    """Return a person of a block in the dress and light of one session."""
    where = spec(block)
    if not 0 <= person < where.people or not 0 <= session < where.sessions:
        raise BadInput(
            f"block {block!r} has people 0 to {where.people - 1} and sessions 0 to {where.sessions - 1}, not person {person}, session {session}"
        )
    number = where.first + person
    return render.dress(people.make_person(number), make_scene((seed, number, session), shifted))


def clip(block: str, person: int, session: int, label: str, *, seed: int = 0, shifted: bool = False) -> Clip:
    """Return one clip, made afresh (about 0.3 s), with its true landmarks, units and conditions.

    Raises
    ------
    BadInput
        Unknown block or label, or a person or session that the block does not have.

    Examples
    --------
    >>> smile = clip("fit", 0, 0, "happiness")
    >>> smile.landmarks.shape[1:], smile.units.shape[1] == len(UNITS)
    ((478, 3), True)
    """
    if label not in LABELS:
        raise BadInput(f"unknown label {label!r}: use one of {', '.join(LABELS)}")
    return perform(
        dressed(block, person, session, seed, shifted), block, person, session, label, seed, shifted
    )


def reenact(performance: Clip, block: str, person: int) -> Clip:
    """Return the same performance by another person: same units, pose and moments, own face and scene.

    It needs the true action units, which only Mime knows; no real anonymizer has them. The head stays in
    the pose of the new person's session.

    Raises
    ------
    BadInput
        If the clip carries no true units, or the block has no such person.
    """
    if performance.units is None:
        raise BadInput(
            f"{performance.source}: carries no true action units: only Mime clips can be reenacted"
        )
    model = dressed(block, person, 0)
    units = performance.units.astype(float)
    count = len(units)
    course = Course(
        units,
        units,
        np.tile(model.scene.pose, (count, 1)),
        np.zeros((count, 2)),
        performance.fps,
        1.0,
        0,
        False,
        False,
    )
    packed, truth = film(model, course, np.random.default_rng(person))
    return Clip(frames=JpegFrames(tuple(packed)), fps=performance.fps, landmarks=truth, label=performance.label, subject=subject_id(block, person),
                source=f"{performance.source} reenacted by {subject_id(block, person)}", licence="CC BY 4.0", units=performance.units, conditions=None)  # fmt: skip


def _make_group(job: tuple[Path, str, int, int, int, int, bool]) -> int:
    """Make the clips of a few people and save them; return how many people."""
    path, block, first, last, session, seed, shifted = job
    clips = []
    for person in range(first, last):
        model = dressed(block, person, session, seed, shifted)
        clips += [perform(model, block, person, session, label, seed, shifted) for label in LABELS]
    cache.save_arrays(path, _pack(clips))
    return last - first


def _pack(clips: list[Clip]) -> dict[str, np.ndarray]:
    frames = [f for c in clips for f in c.frames.packed]  # type: ignore[union-attr]
    keys = ("person", "session", "shifted", "strength", "talking", "prototype", "returns", "glasses")
    return {
        "bytes": np.concatenate(frames), "sizes": np.array([len(f) for f in frames]), "lengths": np.array([len(c) for c in clips]),
        "landmarks": np.concatenate([c.landmarks for c in clips]), "units": np.concatenate([c.units for c in clips]),  # type: ignore[misc]
        "fps": np.array([c.fps for c in clips]), "labels": np.array([LABELS.index(c.label or "neutral") for c in clips]),
        "conditions": np.array([[float(c.conditions[k]) for k in keys] for c in clips]),  # type: ignore[index]
    }  # fmt: skip


def _unpack(arrays: dict[str, np.ndarray], block: str) -> Iterator[Clip]:
    ends = np.cumsum(arrays["sizes"])
    frames = np.split(arrays["bytes"], ends[:-1])
    at = 0
    for i, length in enumerate(arrays["lengths"]):
        here = slice(at, at + length)
        at += length
        person, session, shifted, strength, talking, prototype, returns, spectacles = arrays["conditions"][i]
        label, name = LABELS[arrays["labels"][i]], subject_id(block, int(person))
        conditions = {"person": int(person), "session": int(session), "shifted": bool(shifted), "strength": float(strength), "talking": bool(talking),
                      "prototype": int(prototype), "returns": bool(returns), "glasses": bool(spectacles)}  # fmt: skip
        yield Clip(frames=JpegFrames(tuple(frames[here])), fps=float(arrays["fps"][i]), landmarks=arrays["landmarks"][here], label=label, subject=name,
                   source=f"{name}/s{int(session)}/{label}" + ("/shift" if shifted else ""), licence="CC BY 4.0", units=arrays["units"][here], conditions=conditions)  # fmt: skip


def cache_file(block: str, first: int, session: int, seed: int, shifted: bool) -> Path:
    """Return where the clips of the group of people beginning at `first` are kept."""
    folder = (
        cache.cache_dir()
        / f"{VERSION}-{fingerprint()}"
        / (block + ("-shift" if shifted else ""))
        / f"seed{seed}-session{session}"
    )
    return folder / f"people-{first:04d}.npz"


def block(name: str, *, people: int | None = None, sessions: Sequence[int] = (0,), seed: int = 0, shifted: bool = False,
          workers: int | None = None, progress: bool = True) -> list[Clip]:  # fmt: skip
    """Return the clips of a block: seven classes for each person and session.

    Missing cache files are made first, in several processes with a progress bar: about 9 ms a frame on
    one core. Frames decode lazily.

    Parameters
    ----------
    name : one of `BLOCKS`
    people : how many people, from the first; all of the block if None
    sessions : which takes; each has its own light, camera, hair and clothes
    seed : another seed gives other performances of the same people
    shifted : the shifted twin: light, hair, background, camera and timing never used in training

    Raises
    ------
    BadInput
        Unknown block, or more people than it has.
    CacheError
        The cache folder cannot be written.
    """
    where = spec(name)
    count = where.people if people is None else people
    if not 1 <= count <= where.people:
        raise BadInput(f"block {name!r} has {where.people} people, not {count}: ask for 1 to {where.people}")
    jobs = []
    for session in sessions:
        for first in range(0, count, GROUP):
            path = cache_file(name, first, session, seed, shifted)
            jobs.append((path, name, first, min(first + GROUP, where.people), session, seed, shifted))
    make_missing(jobs, workers, progress)
    out: list[Clip] = []
    for job in jobs:
        arrays = cache.load_arrays(job[0])
        if arrays is None:  # damaged since it was checked: make it again
            _make_group(job)
            arrays = cache.load_arrays(job[0])
        out += [c for c in _unpack(arrays or {}, name) if c.conditions["person"] < count]  # type: ignore[index]
    return out


def make_missing(jobs: list[tuple], workers: int | None, progress: bool) -> None:  # type: ignore[type-arg]
    """Make the cache files that do not exist yet, in processes, with a progress bar."""
    todo = [job for job in jobs if not job[0].exists()]
    if todo:
        title = f"{VERSION} {todo[0][1]}" if progress else None
        spread(_make_group, todo, workers=min(workers or cores(), len(todo)), progress=title)
