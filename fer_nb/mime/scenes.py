"""What changes from one session to the next: light, camera, pose, hair style, background, clothes.

`everyday` scenes are what models are trained on. `shifted` scenes are their twin: other families of
light, hair, background and camera, never used in training, to test what does not depend on them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

SAMPLES = 320  # rendered samples a side; two a pixel


@dataclass(frozen=True)
class Scene:
    """One session of one person; angles in degrees, lengths in face units, light in linear RGB."""

    light: (
        np.ndarray
    )  # (6, 3) rows: key direction, key color, sky, ground, (specular, power, wrap), (rim, 0, 0)
    background: np.ndarray  # (SAMPLES, SAMPLES, 3) linear
    pose: np.ndarray  # (3,) pitch, yaw, roll
    sway: float  # size of the head's motion
    place: np.ndarray  # (2,) picture position of the eyes, fractions
    size: float  # outer eye corners, as a fraction of the picture's width
    distance: float  # camera distance in face units
    hair: dict[str, float]
    glasses: dict[str, float] | None
    cloth: np.ndarray  # (3,)
    pattern: float
    strands: np.ndarray  # (32, 64) noise for hair and cloth
    camera: dict[str, float] = field(default_factory=dict)


def _soft(rng: np.random.Generator, cells: int) -> np.ndarray:
    small = rng.uniform(0, 1, (cells, cells, 3)).astype(np.float32)
    return cv2.resize(small, (SAMPLES, SAMPLES), interpolation=cv2.INTER_CUBIC)


def _background(rng: np.random.Generator, shifted: bool) -> np.ndarray:
    """Return a backdrop: a wall, a gradient or a blurred room; in shifted scenes stripes and tiles."""
    base = rng.uniform(0.02, 0.8, 3) * 0.5 + rng.uniform(0.05, 0.7) * 0.5
    if shifted:
        y, x = np.mgrid[0:SAMPLES, 0:SAMPLES] / SAMPLES
        a, f = rng.uniform(0, np.pi), rng.uniform(4, 22)
        wave = np.sin(2 * np.pi * f * (x * np.cos(a) + y * np.sin(a)))
        if rng.random() < 0.5:
            wave = wave * np.sin(2 * np.pi * f * (y * np.cos(a) - x * np.sin(a)))
        out = (
            base
            + 0.5
            * (rng.uniform(0, 0.9, 3) - base)
            * (np.sign(wave) if rng.random() < 0.5 else wave)[..., None]
        )
    else:
        out = base + (_soft(rng, int(rng.choice([2, 3, 6, 14]))) - 0.5) * rng.uniform(0, 0.7)
        for _ in range(rng.integers(0, 4)):
            x0, y0 = rng.uniform(-40, SAMPLES, 2).astype(int)
            w, h = rng.uniform(20, 160, 2).astype(int)
            out[max(y0, 0) : max(y0 + h, 0), max(x0, 0) : max(x0 + w, 0)] = rng.uniform(0.02, 0.8, 3)
        out = cv2.GaussianBlur(out.astype(np.float32), (0, 0), float(rng.uniform(0.6, 8)))
    return np.clip(out, 0.005, 1).astype(np.float32)


def _light(rng: np.random.Generator, shifted: bool) -> np.ndarray:
    """Return the light rows; everyday keys come from above and the sides, shifted ones also from below."""
    side, height = float(np.clip(rng.normal(0, 35), -75, 75)), float(np.clip(rng.normal(20, 22), -10, 65))
    if shifted:
        side, height = rng.choice([-1, 1]) * rng.uniform(60, 100), rng.uniform(-35, 20)
    s, h = np.radians([side, height])
    key = np.array([np.sin(s) * np.cos(h), np.sin(h), np.cos(s) * np.cos(h)])
    warm = 1 + rng.uniform(-0.18, 0.18) * np.array([1, 0.1, -1]) * (2.2 if shifted else 1)
    strength = rng.uniform(0.35, 1.25)
    fill = rng.uniform(0.1, 0.6) * (0.6 if shifted else 1)
    ground = fill * rng.uniform(0.4, 1.0) * rng.uniform(0.85, 1.1, 3)
    shine = [rng.uniform(0.2, 2.6), rng.uniform(8, 40), rng.uniform(0.05, 0.5)]
    rim = [rng.uniform(0.2, 1.0), 0, 0]  # how dark the face gets toward its outline
    return np.array([key, strength * warm, fill * (2 - warm), ground, shine, rim])


def _camera(rng: np.random.Generator, shifted: bool) -> dict[str, float]:
    """Return blur (pixels), noise (grey levels), JPEG quality, gamma, gain, tint and vignette."""
    u = rng.uniform
    return {
        "blur": u(0.2, 0.7) if not shifted else u(0.8, 1.4),
        "noise": u(0.5, 4) if not shifted else u(4, 9),
        "quality": float(rng.integers(70, 96) if not shifted else rng.integers(35, 60)),
        "gamma": u(0.85, 1.15),
        "exposure": u(0.42, 0.66),
        "red": u(0.95, 1.05),
        "blue": u(0.93, 1.07),
        "vignette": u(0, 0.25) + 0.25 * shifted,
        "grey": float(shifted and rng.random() < 0.4),
        "seed": float(rng.integers(2**31)),
    }


def make_scene(seed: tuple[int, ...], shifted: bool = False) -> Scene:
    """Return a random session scene; the same seed gives the same scene, bit for bit.

    Parameters
    ----------
    seed : numbers of 0 or more: the seed of the data, the person, the session
    shifted : from the families of light, hair, background and camera that are never used in training

    Examples
    --------
    >>> one, twin = make_scene((0, 3, 0)), make_scene((0, 3, 0), shifted=True)
    >>> twin.camera["quality"] < one.camera["quality"]
    True
    """
    rng = np.random.default_rng([0x5363656E, int(shifted), *seed])
    u = rng.uniform
    long = rng.random() < (0.45 if not shifted else 0.75)
    hair = {
        "volume": u(0.0, 0.16),
        "low": u(0.25, 0.50),
        "lift": u(0, 0.10),
        "back": u(0.4, 2.2) if long else 0.0,
        "taper": u(-0.15, 0.12),
        "bald": float(rng.random() < 0.08),
        "fringe": u(0.25, 0.6) * (rng.random() < (0.25 if not shifted else 0.5)),
    }
    if shifted:
        hair["volume"], hair["bald"] = u(0.16, 0.34), float(rng.random() < 0.25)
    spectacles = {"width": u(0.19, 0.24), "height": u(0.12, 0.19), "round": u(0.2, 1.0), "dark": u(0.01, 0.3)}
    return Scene(
        light=_light(rng, shifted),
        background=_background(rng, shifted),
        pose=rng.normal(0, 1, 3).clip(-2, 2) * ([7, 9, 3.5] if not shifted else [9, 14, 5]),
        sway=u(0.2, 1.0),
        place=np.array([u(0.45, 0.55), u(0.42, 0.50)]),
        size=u(0.25, 0.34),
        distance=u(7, 14),
        hair=hair,
        glasses=spectacles if rng.random() < 0.18 else None,
        cloth=u(0.01, 0.8, 3) * u(0.3, 1),
        pattern=u(0, 0.5) * (rng.random() < 0.4),
        strands=rng.normal(0, 1, (32, 64)).clip(-2, 2),
        camera=_camera(rng, shifted),
    )
