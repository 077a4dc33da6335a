"""What a Mime person does in a clip: which action units, how strongly, and when.

Each class has several prototypes after EMFACS (Ekman and Friesen's emotion tables for FACS). A clip
adds the person's style, missing and extra units, and what real people do besides: blink, look around,
move the head, talk. Start, hold, end, length and frame rate are random, so neither length nor position
gives the class away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..labels import LABELS
from .people import Style
from .units import INDEX, UNITS

# class -> prototypes: unit -> typical intensity. A "?" marks a unit that is left out half of the time.
PROTOTYPES: dict[str, list[dict[str, float]]] = {
    "neutral": [{}],
    "anger": [
        {"AU4": 1.0, "AU5?": 0.6, "AU7": 0.7, "AU23": 0.8, "AU24": 0.5, "AU17?": 0.3},
        {"AU4": 1.0, "AU7": 0.8, "AU24": 0.9, "AU17": 0.5},
        {"AU4": 1.0, "AU5": 0.7, "AU7?": 0.5, "AU10": 0.5, "AU22": 0.5, "AU25": 0.7, "AU16?": 0.5},
        {"AU4": 1.0, "AU5?": 0.6, "AU7": 0.6, "AU23": 0.6, "AU25": 0.5, "AU26?": 0.3},
    ],
    "disgust": [
        {"AU9": 1.0, "AU10?": 0.5, "AU17": 0.5, "AU7?": 0.5, "AU4?": 0.5},
        {"AU9": 1.0, "AU10": 0.6, "AU25": 0.6, "AU16?": 0.5, "AU6?": 0.4, "AU4?": 0.4},
        {"AU10": 1.0, "AU17": 0.6, "AU15?": 0.4, "AU9?": 0.5, "AU7?": 0.4},
        {"AU9": 0.9, "AU15": 0.6, "AU17": 0.6, "AU4?": 0.4},
        {"AU9": 0.8, "AU10": 0.9, "AU26": 0.4, "AU25": 0.5, "AU7": 0.5},
    ],
    "fear": [
        {"AU1": 0.9, "AU2": 0.5, "AU4": 0.6, "AU5": 0.9, "AU20": 0.8, "AU25": 0.7},
        {"AU1": 0.9, "AU2": 0.5, "AU4": 0.6, "AU5": 0.9, "AU7?": 0.4, "AU20": 0.7, "AU26": 0.5, "AU25": 0.5},
        {"AU1": 0.9, "AU4": 0.7, "AU5": 0.8, "AU20": 0.9, "AU25?": 0.5},
        {
            "AU1": 0.8,
            "AU2?": 0.4,
            "AU4": 0.6,
            "AU5": 1.0,
            "AU20?": 0.5,
            "AU25": 0.7,
            "AU26?": 0.4,
            "AU7": 0.4,
        },
    ],
    "happiness": [
        {"AU6": 0.8, "AU12": 1.0, "AU25": 0.7},
        {"AU6": 0.6, "AU12": 1.0},
        {"AU12": 0.9, "AU6?": 0.4, "AU25?": 0.5},
        {"AU6": 0.9, "AU7?": 0.4, "AU12": 1.0, "AU25": 0.9, "AU26?": 0.25, "AU10?": 0.25},
    ],
    "sadness": [
        {"AU1": 0.9, "AU4": 0.5, "AU15": 0.8, "AU17?": 0.5},
        {"AU1": 0.9, "AU4": 0.6, "AU17": 0.7, "AU15?": 0.5},
        {"AU1": 0.7, "AU15": 0.8, "AU17": 0.5, "AU43?": 0.3},
        {"AU4": 0.6, "AU15": 0.9, "AU17": 0.8, "AU1?": 0.6, "AU43?": 0.35},
    ],
    "surprise": [
        {"AU1": 1.0, "AU2": 1.0, "AU5": 0.8, "AU26": 0.9, "AU25": 0.5},
        {"AU1": 1.0, "AU2": 1.0, "AU5": 0.9, "AU27": 0.8, "AU25": 0.5},
        {"AU1": 0.9, "AU2": 0.9, "AU5": 0.7, "AU26": 0.5, "AU27": 1.0, "AU25": 0.6},
        {"AU1": 0.9, "AU2": 1.0, "AU26": 0.6, "AU25": 0.5},
        {"AU1": 1.0, "AU2": 1.0, "AU5": 0.7, "AU25?": 0.5},
    ],
}
EXTRAS = ("AU2", "AU7", "AU14", "AU17", "AU24", "AU25", "AU18")
OPENERS = ("AU16", "AU22", "AU25", "AU26", "AU27")  # units that part the lips
STRENGTH = (0.35, 1.0)  # range of a clip's overall intensity
FRAMES = (12, 20)  # frames of a clip, both ends included; the mean is 16
RATES = (8.0, 10.0, 12.5, 15.0)  # frames a second


@dataclass(frozen=True)
class Course:
    """What happens in a clip of T frames: units (T, U) per side, pose (T, 3), gaze (T, 2), degrees."""

    left: np.ndarray
    right: np.ndarray
    pose: np.ndarray
    gaze: np.ndarray
    fps: float
    strength: float
    prototype: int
    talking: bool
    returns: bool


def envelope(rng: np.random.Generator, seconds: np.ndarray, style: Style) -> tuple[np.ndarray, bool]:
    """Return the rise and fall of an expression over time (T,), 0 to 1; a third return to rest."""
    length = seconds[-1]
    start = rng.uniform(0.08, 0.40) * length
    rise = np.clip(rng.uniform(0.18, 0.5) * style.onset, 0.12, 0.45 * length)
    up = 1 / (1 + np.exp(-6 * (2 * (seconds - start) / rise - 1)))
    returns = bool(rng.random() < 1 / 3)
    if not returns:
        return up, returns
    stop = min(start + rise + rng.uniform(0.2, 0.5) * style.hold, length - 0.2)
    return up / (1 + np.exp(6 * (2 * (seconds - stop) / (1.3 * rise) - 1))), returns


def wander(rng: np.random.Generator, seconds: np.ndarray, size: float, count: int) -> np.ndarray:
    """Return slow random motion (T, count) with a spread of about `size`."""
    f, phase = rng.uniform(0.15, 0.9, (3, count)), rng.uniform(0, 2 * np.pi, (3, count))
    waves = np.sin(2 * np.pi * f * seconds[:, None, None] + phase) / np.sqrt(3)  # (T, 3, count)
    return size * waves.sum(1)


def blinks(rng: np.random.Generator, seconds: np.ndarray, rate: float) -> np.ndarray:
    """Return lid closing (T,), 0 to 1, with `rate` blinks a second at random moments."""
    out = np.zeros_like(seconds)
    for _ in range(rng.poisson(rate * seconds[-1])):
        out = np.maximum(out, np.exp(-np.square((seconds - rng.uniform(0, seconds[-1])) / 0.07)))
    return out


def _talk(rng: np.random.Generator, seconds: np.ndarray, units: np.ndarray) -> None:
    """Add speech: quick weak openings, puckers and stretches of the mouth."""
    beat = rng.uniform(2.5, 5)
    for unit, size in (("AU25", 0.5), ("AU26", 0.35), ("AU18", 0.35), ("AU20", 0.2), ("AU17", 0.2)):
        wave = np.sin(2 * np.pi * beat * rng.uniform(0.5, 1.1) * seconds + rng.uniform(0, 6.3))
        units[:, INDEX[unit]] += size * np.clip(wave, 0, 1) * rng.uniform(0.4, 1.0)


def _tension(rng: np.random.Generator, style: Style) -> np.ndarray:
    """Return the resting level of each unit in one clip (U,): the person's own, and that of the day.

    Tension closes a mouth rather than opening it: at rest the lips touch, the jaw hangs free.
    """
    today = np.clip(rng.normal(0, 0.035, len(UNITS)), 0, 0.12)
    today[[INDEX[unit] for unit in OPENERS]] = 0
    return style.rest * rng.uniform(0, 2, len(UNITS)) + today


def make_course(
    rng: np.random.Generator,
    label: str,
    style: Style,
    scene_pose: np.ndarray,
    sway: float,
    shifted: bool = False,
) -> Course:
    """Return a random performance of a class by a person with this style.

    In shifted courses extra units come more often and units start one after another.

    Parameters
    ----------
    label : one of `labels.LABELS`
    style : the person's way of moving
    scene_pose : (3,) pitch, yaw, roll in degrees, about which the head moves
    sway : size of the head's motion, 1 for about 1.5 degrees

    Returns
    -------
    Course
        Of 12 to 20 frames; units in [0, 1.2].

    Raises
    ------
    ValueError
        For an unknown label.

    Examples
    --------
    >>> from .people import make_style
    >>> rng = np.random.default_rng(0)
    >>> course = make_course(rng, "happiness", make_style(rng), np.zeros(3), 0.5)
    >>> bool(course.left[:, INDEX["AU12"]].max() > 0.2)
    True
    """
    LABELS.index(label)
    frames, fps = int(rng.integers(FRAMES[0], FRAMES[1] + 1)), float(rng.choice(RATES))
    seconds = np.arange(frames) / fps
    prototype = int(rng.integers(len(PROTOTYPES[label])))
    strength = float(rng.uniform(*STRENGTH))
    target = np.zeros(len(UNITS))
    for name, typical in PROTOTYPES[label][prototype].items():
        if not name.endswith("?") or rng.random() < 0.5:
            target[INDEX[name.rstrip("?")]] = typical * rng.uniform(0.75, 1.2)
    if rng.random() < (0.3 if not shifted else 0.6):
        target[INDEX[str(rng.choice(EXTRAS))]] += rng.uniform(0.1, 0.35)
    if label != "neutral":
        target = target * strength + style.habit * rng.uniform(0, 2, len(UNITS))
    target = np.clip(target * style.gain, 0, 1.15)
    units = np.zeros((frames, len(UNITS)))
    shape, returns = envelope(rng, seconds, style)
    for u in np.flatnonzero(target):
        late = rng.uniform(0, 0.06 if not shifted else 0.25)
        units[:, u] = target[u] * np.interp(seconds - late, seconds, shape)
    units += _tension(rng, style)
    talking = bool(rng.random() < 0.2)
    if talking:
        _talk(rng, seconds, units)
    still = [i for i, unit in enumerate(UNITS) if unit not in OPENERS]
    for u in rng.choice(still, 4, replace=False):  # the small restlessness of a real face
        units[:, u] += np.clip(wander(rng, seconds, 0.05, 1)[:, 0], 0, 0.12)
    blink = np.maximum(units[:, INDEX["AU43"]], blinks(rng, seconds, style.blink))
    units[:, INDEX["AU43"]] = blink
    lean = style.lean + rng.normal(0, 0.04, len(UNITS))
    lean[INDEX["AU43"]] = 0
    left, right = np.clip(units * (1 + lean), 0, 1.2), np.clip(units * (1 - lean), 0, 1.2)
    for side in (left, right):
        side[:, INDEX["AU43"]] = np.clip(side[:, INDEX["AU43"]], 0, 1)
    pose = scene_pose + wander(rng, seconds, 2.2 * sway, 3) + np.outer(shape, rng.normal(0, 2.0, 3))
    gaze = wander(rng, seconds, 3, 2) + rng.normal(0, 4, 2) * (rng.random() < 0.5)
    return Course(left, right, pose, gaze, fps, strength, prototype, talking, returns)
