"""The preparation of motion, step by step, so that each step can be left out: for `preprocessing_motion`.

With all steps, an example is drawn exactly as `temporal.sample` draws it, and a clip is shown to the network
exactly as `temporal.clip_input` shows it; a test holds both. An `Arm` leaves out one step, or all variation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from .. import features
from ..errors import BadInput
from ..labels import index
from ..preprocess import STEPS, FaceSequence, displacement, window_features
from ..temporal import TemporalNet
from ..training import Batch

VARIATIONS = ("stretch", "strength", "drop", "noise", "mirror")
DRAWS, BATCH = 700, 64  # examples of an epoch and of a step
_FLIP = np.array([*features.MIRROR, len(features.NAMES)])
_KINDS = np.array([0.4, 0.15, 0.25, 0.1, 0.1])  # clip, part, two stills, quiet part, the wrong way round
_PEAK, _QUIET = 0.6, 0.15  # shares of the largest displacement, as in `temporal`
_STRENGTH = (np.log(0.25), np.log(1.3))
_EYES = [33, 133, 362, 263]


@dataclass(frozen=True)
class Arm:
    """One way to prepare motion.

    Attributes
    ----------
    name : of the arm
    measured : "own" (aligned on the clip's own face at rest and minus its measures), "common" (aligned on the
        mean resting face of the training people, minus the mean of their measures: no reference of one's own)
        or "unaligned" (minus the measures at rest, but the head's motion is not undone)
    resampled : True for 24 steps over the whole clip, False for a step a frame and zeros after its end
    variations : those of `VARIATIONS` that training examples get
    """

    name: str
    measured: str = "own"
    resampled: bool = True
    variations: tuple[str, ...] = VARIATIONS


ALL = Arm("all")


def _but(left_out: str) -> tuple[str, ...]:
    return tuple(v for v in VARIATIONS if v != left_out)


ARMS = (
    ALL,
    replace(ALL, name="without_neutral", measured="common"),
    replace(ALL, name="without_alignment", measured="unaligned"),
    replace(ALL, name="without_resampling", resampled=False),
    replace(ALL, name="without_noise", variations=_but("noise")),
    replace(ALL, name="without_stretch", variations=_but("stretch")),
    replace(ALL, name="without_mirror", variations=_but("mirror")),
    replace(ALL, name="without_drop", variations=_but("drop")),
    replace(ALL, name="without_variation", variations=()),
)


@dataclass(frozen=True)
class Motion:
    """What an arm knows of a clip.

    Attributes
    ----------
    moved : (T, M) float array, measures minus those at rest; NaN where no face
    found : (T,) bool array
    label : int, its position
    rest : (M,) float array or None: measures at rest minus the training mean, if the network gets these too
    """

    moved: np.ndarray
    found: np.ndarray
    label: int
    rest: np.ndarray | None = None


# ---------------------------------------------------------------- measuring


def unaligned(face: FaceSequence) -> np.ndarray:
    """Return measures minus those at rest when nothing undoes the motion of the head, (T, M).

    The whole clip is shifted and scaled once, so that at rest the middle of the eyes lies at zero and their
    outer corners are one apart. Which frames show rest is chosen as everywhere.
    """
    quiet = features.quiet_frames(face.points, face.found, face.fps)
    still = np.median(face.points[quiet].astype(float), axis=0)  # (478, 3)
    unit = np.linalg.norm(np.subtract(*still[list(features.EYE_OUTER)]))
    origin = still[_EYES].mean(0)
    rest = features.measure((still[None] - origin) / unit)
    return features.measure((face.points - origin) / unit) - rest


def measured(
    faces: Sequence[FaceSequence], train: Sequence[FaceSequence], arm: Arm
) -> tuple[list[Motion], np.ndarray]:
    """Measure clips in the way of an arm; what has to be learned is learned from the training clips.

    Returns
    -------
    the motion of each of `faces`, and the size of each measure over `train`, (M,) float32: the root mean
    square over all frames with a face, at least 0.004, as in `temporal.fit_scale`

    Raises
    ------
    BadInput
        For an unknown way of measuring.
    """
    if arm.measured not in ("own", "common", "unaligned"):
        raise BadInput(f"unknown way to measure {arm.measured!r}: use own, common or unaligned")
    if arm.measured == "common":
        common = features.neutral_frame(np.mean([face.neutral for face in train], axis=0))
        raw = [features.measure(features.align(face.points, common)) for face in train]
        mean = np.concatenate([x[f.found] for x, f in zip(raw, train, strict=True)]).mean(0)  # (M,)
        out = [_with_rest(face, common, mean) for face in faces]
        rows = np.concatenate([x[f.found] - mean for x, f in zip(raw, train, strict=True)])
    else:
        change = unaligned if arm.measured == "unaligned" else lambda face: face.motion
        out = [Motion(change(face), face.found, index(face.label or "neutral")) for face in faces]
        rows = np.concatenate([change(face)[face.found] for face in train])
    return out, np.maximum(np.sqrt((rows**2).mean(0)), 0.004).astype(np.float32)


def _with_rest(face: FaceSequence, common: np.ndarray, mean: np.ndarray) -> Motion:
    """Measure on a common face; keep the measures at rest apart, since strength varies around them."""
    rest = features.measure(features.align(face.neutral[None], common))[0]
    moved = features.measure(features.align(face.points, common)) - rest
    return Motion(moved, face.found, index(face.label or "neutral"), rest - mean)


# ---------------------------------------------------------------- what the network is given


def steps_of(moved: np.ndarray, found: np.ndarray, arm: Arm) -> np.ndarray:
    """Return motion (T, M) as (24, M + 1) features: resampled, or a step a frame, cut or filled up."""
    if arm.resampled:
        return window_features(moved, found)
    out = np.zeros((STEPS, moved.shape[1] + 1), np.float32)
    own = window_features(moved, found, steps=len(found))[:STEPS]  # missing frames are bridged as before
    out[: len(own)] = own
    return out


def whole(clip: Motion, arm: Arm) -> np.ndarray:
    """Return the whole clip as it is asked about, (24, M + 1) float32."""
    moved = clip.moved if clip.rest is None else clip.moved + clip.rest
    return steps_of(moved, clip.found, arm)


def stretch(clip: Motion, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Draw a stretch of a clip as `temporal.sample` does.

    Where the network gets measures at rest too, there is no reference that could be taken the wrong way
    round, and that draw is left out.

    Returns
    -------
    frames (S,) int, motion (T, M) to take them from, and the label
    """
    rows = np.flatnonzero(clip.found)
    size, frames = displacement(clip.moved), len(clip.found)
    top = size[rows].max() + 1e-9
    peaks = rows[size[rows] >= _PEAK * top]
    quiet = rows[size[rows] <= max(_QUIET * top, size[rows].min())]
    often = _KINDS if clip.rest is None else _KINDS[:4] / _KINDS[:4].sum()
    kind = rng.choice(len(often), p=often)
    if kind == 0:
        first, last = rng.integers(0, 1 + frames // 8), rng.integers(0, 1 + frames // 8)
        chosen = np.arange(first, frames - last)
        return (chosen if np.isin(peaks, chosen).any() else np.arange(frames)), clip.moved, clip.label
    if kind == 1:
        peak = rng.choice(peaks)
        return np.arange(rng.integers(0, peak + 1), rng.integers(peak, frames) + 1), clip.moved, clip.label
    if kind == 2:
        return np.array([rng.choice(quiet), rng.choice(peaks)]), clip.moved, clip.label
    if kind == 3:
        return rng.choice(quiet, size=rng.integers(2, 6)), clip.moved, 0
    chosen = np.array([rng.choice(peaks), rng.choice(quiet)])
    return chosen, clip.moved - clip.moved[chosen[0]], 0


def sample(clip: Motion, arm: Arm, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Draw one training example, varied as the arm says.

    Parameters
    ----------
    clip : Motion
    arm : Arm
    rng : numpy Generator; with all variations it is used as `temporal.sample` uses it

    Returns
    -------
    (24, M + 1) float32 features, and the label's position
    """
    rows, moved, label = np.arange(len(clip.found)), clip.moved, clip.label
    if "stretch" in arm.variations:
        rows, moved, label = stretch(clip, rng)
    moved, found = moved[rows], clip.found[rows]
    if "strength" in arm.variations:
        moved = moved * np.exp(rng.uniform(*_STRENGTH))
    if "drop" in arm.variations and len(found) > 4 and rng.random() < 0.3:
        seen = rng.random(len(found)) > rng.uniform(0, 0.4)
        found = found & (seen if (seen & found).any() else True)
    if "noise" in arm.variations:
        moved = noisy(moved, found, rng, reference=clip.rest is None)
    x = steps_of(moved if clip.rest is None else moved + clip.rest, found, arm)
    return (x[:, _FLIP] if "mirror" in arm.variations and rng.random() < 0.5 else x), label


def noisy(moved: np.ndarray, found: np.ndarray, rng: np.random.Generator, *, reference: bool) -> np.ndarray:
    """Give motion (S, M) a slightly wrong neutral (if there is a reference) and the jitter of a detector."""
    if reference and rng.random() < 0.5:
        offset = moved[rng.choice(np.flatnonzero(found))]
        moved = moved - rng.uniform(-0.1, 0.2) * offset
    moved = moved + rng.normal(0, rng.uniform(0.001, 0.007), moved.shape[1])  # the same in all frames
    return moved + rng.normal(0, rng.uniform(0.001, 0.005), moved.shape)


def epoch(clips: Sequence[Motion], arm: Arm, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield one epoch of `DRAWS` examples, every clip before any comes again.

    Yields
    ------
    x (B, 24, M + 1), labels (B,)
    """
    rounds = -(-DRAWS // len(clips))
    order = np.concatenate([rng.permutation(len(clips)) for _ in range(rounds)])[:DRAWS]
    for start in range(0, DRAWS, BATCH):
        drawn = [sample(clips[i], arm, rng) for i in order[start : start + BATCH]]
        yield torch.from_numpy(np.stack([x for x, _ in drawn])), torch.tensor([y for _, y in drawn])


def network(sizes: np.ndarray, *, hidden: int) -> TemporalNet:
    """Return an untrained network that knows how large each measure is."""
    net = TemporalNet(inputs=len(sizes) + 1, hidden=hidden)
    net.scale[: len(sizes)] = torch.from_numpy(sizes)
    return net
