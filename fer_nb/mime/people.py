"""Who a Mime person is: the shape of the face, its paint, and a personal style of moving it.

Everything follows from the person's number; sessions change light, hair and clothes but nothing here.
Distances between the corners of the eyes follow Farkas (1994), *Anthropometry of the Head and Face*; the
height of the brows follows McKinney, Mossie and Zukowski (1991), "Criteria for the forehead lift".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import template as tm
from .skin import Skin, paint
from .units import INDEX, UNITS

HABITS = ("AU2", "AU7", "AU14", "AU17", "AU24", "AU25")
SPREAD = 1.35  # how far people differ in shape
TONES = np.array(
    [
        [0.72, 0.51, 0.41],
        [0.63, 0.43, 0.33],
        [0.53, 0.35, 0.25],
        [0.42, 0.26, 0.17],
        [0.28, 0.16, 0.10],
        [0.17, 0.10, 0.065],
    ]
)
HAIRS = np.array(
    [
        [0.02, 0.016, 0.014],
        [0.05, 0.03, 0.02],
        [0.11, 0.06, 0.035],
        [0.22, 0.13, 0.07],
        [0.42, 0.30, 0.16],
        [0.25, 0.09, 0.04],
        [0.38, 0.37, 0.36],
    ]
)
IRISES = np.array(
    [
        [0.10, 0.05, 0.02],
        [0.17, 0.09, 0.04],
        [0.16, 0.15, 0.06],
        [0.12, 0.18, 0.13],
        [0.13, 0.22, 0.32],
        [0.20, 0.26, 0.30],
    ]
)


@dataclass(frozen=True)
class Style:
    """How this person moves: fixed for life, and thus a trace of identity in pure motion."""

    gain: np.ndarray  # (U,) log-normal, sd 0.3
    lean: np.ndarray  # (U,) left-right asymmetry, about -0.3 to 0.3
    rest: np.ndarray  # (U,) resting offset in [0, 0.12]
    habit: np.ndarray  # (U,) two extra units that come along with every expression
    onset: float  # factor on the onset time
    hold: float  # factor on the hold time
    blink: float  # blinks a second


@dataclass(frozen=True)
class Person:
    """A synthetic person: resting face (478, 3) in face units, paint, colors, style."""

    seed: int
    face: np.ndarray
    skin: Skin
    hair: np.ndarray
    iris: np.ndarray
    eye: dict[str, float]
    mouth: dict[str, float]
    build: dict[str, float]
    style: Style


def _bump(points: np.ndarray, x: float, y: float, sx: float, sy: float) -> np.ndarray:
    """Return a symmetric pair of smooth weights around (+-x, y), (N, 1)."""
    fall = np.square((np.abs(points[:, 0]) - abs(x)) / sx) + np.square((points[:, 1] - y) / sy)
    return np.exp(-0.5 * fall)[:, None]


def face_shape(rng: np.random.Generator) -> np.ndarray:
    """Return a random resting face, (478, 3) in face units: named proportions first, then remainders.

    Examples
    --------
    >>> face_shape(np.random.default_rng(0)).shape
    (478, 3)
    """
    p = tm.REST.copy()
    n = rng.normal
    sign, y = np.sign(p[:, :1]), p[:, 1:2].copy()
    p[:, 1:2] += np.clip(-0.45 - y, 0, None) * n(-0.02, 0.055)  # lower face height
    p[:, 1:2] += np.clip(-y, 0, 0.45) * n(-0.018, 0.05)  # nose height
    p[:, 1:2] += np.clip(y - 0.1, 0, None) * n(0, 0.09)  # forehead height
    p[:, :1] *= 1 + np.clip((-0.5 - y) / 0.6, 0, 1) * n(0, 0.07)  # jaw width
    p[:, :1] *= 1 + np.clip(np.abs(tm.REST[:, :1]) - 0.5, 0, None) * n(0, 0.22)  # face width
    p[:, 2:3] *= 1 + n(0, 0.05)  # depth
    nose, tip = _bump(tm.REST, 0.15, -0.37, 0.10, 0.10), _bump(tm.REST, 0.0, -0.30, 0.10, 0.13)
    p[:, :1] += sign * nose * n(-0.018, 0.022)
    p[:, 2:3] += tip * n(0, 0.045)
    p[:, 1:2] += tip * n(0, 0.020)
    p[:, 2:3] += _bump(tm.REST, 0.0, -0.05, 0.06, 0.10) * n(0, 0.025)  # bridge
    eye = _bump(tm.REST, 0.345, 0.02, 0.15, 0.07)
    p[:, 1:2] += eye * (y - 0.01) * n(0.08, 0.16)  # opening: about 10 mm
    p[:, :1] += sign * eye * (np.abs(p[:, :1]) - 0.345) * n(0, 0.06)
    p[:, 1:2] += eye * (np.abs(p[:, :1]) - 0.345) * n(0, 0.10)  # slant
    p[:, :1] += sign * eye * n(0, 0.014)  # spacing
    inner = _bump(tm.REST, 0.192, -0.02, 0.05, 0.04)  # inner corners: 32 mm apart, at the outer ones' height
    p[:, :1] -= sign * inner * 0.010
    p[:, 1:2] += inner * 0.010
    brow = _bump(tm.REST, 0.36, 0.20, 0.24, 0.06)
    p[:, 1:2] += brow * n(-0.015, 0.020)  # height: upper edge about 25 mm above the pupil
    p[:, 1:2] += brow * (np.abs(p[:, :1]) - 0.36) * n(0, 0.10)
    p[:, 2:3] += brow * n(0, 0.020)
    lips = _bump(tm.REST, 0.0, -0.685, 0.26, 0.10)
    up, low = np.clip((y + 0.685) / 0.02, 0, 1), np.clip((-0.685 - y) / 0.02, 0, 1)
    p[:, 1:2] += (
        lips * (y + 0.685) * (up * np.clip(n(0, 0.28), -0.45, 0.6) + low * np.clip(n(0, 0.22), -0.4, 0.5))
    )
    p[:, :1] *= 1 + _bump(tm.REST, 0.14, -0.685, 0.16, 0.09) * n(0, 0.07)  # mouth width
    p[:, 1:2] += _bump(tm.REST, 0.285, -0.68, 0.05, 0.04) * n(-0.009, 0.013)  # resting corners
    p[:, 2:3] += lips * n(0, 0.025) + _bump(tm.REST, 0, -1.08, 0.16, 0.12) * n(0, 0.05)
    p[:, 2:3] += _bump(tm.REST, 0.48, -0.35, 0.16, 0.16) * n(0, 0.03)
    for _ in range(8):
        w = _bump(tm.REST, rng.uniform(0, 0.7), rng.uniform(-1.1, 0.5), 0.18, 0.18)
        p += w * n(0, 0.011, 3) * np.concatenate([sign, np.ones_like(sign), np.ones_like(sign)], 1)
    crooked = np.exp(
        -0.5 * np.square((tm.REST[:, :2] - [rng.uniform(-0.5, 0.5), rng.uniform(-1, 0.3)]) / 0.25).sum(1)
    )
    p += crooked[:, None] * n(0, 0.010, 3)
    return tm.REST + SPREAD * (p - tm.REST)


def make_style(rng: np.random.Generator) -> Style:
    """Return a random style; gains and timing are log-normal with sd 0.3.

    Examples
    --------
    >>> style = make_style(np.random.default_rng(0))
    >>> style.gain.shape, int((style.habit > 0).sum())
    ((22,), 2)
    """
    count = len(UNITS)
    rest, habit = np.zeros(count), np.zeros(count)
    for unit in rng.choice(["AU4", "AU7", "AU12", "AU15", "AU17", "AU23", "AU25", "AU1"], 2, replace=False):
        rest[INDEX[unit]] = rng.uniform(0.0, 0.12)
    for unit in rng.choice(HABITS, 2, replace=False):
        habit[INDEX[unit]] = rng.uniform(0.05, 0.25)
    return Style(
        gain=np.exp(rng.normal(0, 0.3, count)).clip(0.5, 1.8),
        lean=rng.normal(0, 0.10, count).clip(-0.3, 0.3),
        rest=rest,
        habit=habit,
        onset=float(np.exp(rng.normal(0, 0.3))),
        hold=float(np.exp(rng.normal(0, 0.3))),
        blink=float(rng.uniform(0.1, 0.5)),
    )


def make_look(rng: np.random.Generator) -> dict[str, float]:
    """Return the amounts that `skin.paint` takes."""
    bearded, u = rng.random() < 0.5, rng.uniform
    return {
        "age": u(0, 1),
        "furrow_depth": u(0.5, 1.4),
        "mottle": u(0.2, 0.9),
        "freckles": u(0, 1) * (rng.random() < 0.3),
        "moles": float(rng.integers(1, 9)),
        "beard": u(0.5, 1) * (bearded and rng.random() < 0.25),
        "moustache": u(0.4, 1) * (bearded and rng.random() < 0.3),
        "stubble": u(0.1, 1) * bearded,
        "brow_thickness": u(0.6, 1.9),
        "brow_shift": u(-0.015, 0.025),
        "brow_length": u(0.8, 1.15),
        "brow_arch": u(-0.6, 1.6),
        "brow_dark": u(0.6, 1.0),
        "fold": u(0.1, 0.6),
        "makeup": u(0, 1) * (not bearded),
        "eye_bags": u(0, 1),
    }


def make_person(seed: int) -> Person:
    """Return the person with this number; the same number gives the same person, bit for bit.

    Examples
    --------
    >>> bool((make_person(3).face == make_person(3).face).all())
    True
    """
    rng = np.random.default_rng([0x4D696D65, seed])
    face, style, look = face_shape(rng), make_style(rng), make_look(rng)
    position = rng.uniform(0, len(TONES) - 1)
    k = min(int(position), len(TONES) - 2)
    tone = TONES[k] + (TONES[k + 1] - TONES[k]) * (position - k)
    tone = tone * rng.uniform(0.92, 1.08, 3)
    dark = position > 2.5
    hair = HAIRS[rng.integers(0, 2 if dark else 7)] * rng.uniform(0.8, 1.2)
    lip = tone * np.array([0.80, 0.42, 0.42]) * rng.uniform(0.7, 1.15) + np.array([0.03, 0, 0.005]) * (
        1 + look["makeup"] * rng.uniform(0, 3)
    )
    iris = IRISES[rng.integers(0, 2 if dark else 6)] * rng.uniform(0.4, 0.9)
    eye = {
        "iris": rng.uniform(0.44, 0.54),
        "white": rng.uniform(0.26, 0.56),
        "radius": rng.uniform(0.125, 0.140),
    }
    mouth = {
        "tooth": rng.uniform(0.05, 0.062),
        "white": rng.uniform(0.65, 0.92),
        "show": rng.uniform(-0.005, 0.022),
    }
    build = {
        "neck": rng.uniform(0.85, 1.1),
        "shoulders": rng.uniform(0.85, 1.1),
        "ears": rng.uniform(0.85, 1.15),
    }
    return Person(seed, face, paint(rng, look, tone, hair, lip), hair, iris, eye, mouth, build, style)
