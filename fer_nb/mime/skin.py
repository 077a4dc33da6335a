"""What is painted on a face: skin, brows, lips, beard, and the furrows that deepen with their unit.

Furrows are height maps, one per action unit; a renderer adds up those of the active units and turns
the slope into light and shade, so the same furrow looks different under another lamp. All maps live
on the texture plane of `head.UV_LOW` to `head.UV_HIGH`, row 0 at the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from . import template as tm
from .head import UV_HIGH, UV_LOW
from .units import UNITS

WIDTH, HEIGHT = 300, 324  # 120 pixels a face unit
SCALE = WIDTH / (UV_HIGH[0] - UV_LOW[0])
HOLLOW = 20.0  # share of light that a groove of depth 1 would lose; grooves are some hundredths deep

# Furrows on the picture's left half as polylines in face units (mirrored), with width and depth.
_FURROWS: dict[str, list[tuple[list[tuple[float, float]], float, float]]] = {
    "AU1": [([(-0.30, 0.36), (-0.15, 0.40), (0.0, 0.41)], 0.016, 1.0),
            ([(-0.28, 0.45), (-0.12, 0.49), (0, 0.50)], 0.016, 0.8)],
    "AU2": [([(-0.60, 0.30), (-0.45, 0.39), (-0.28, 0.39)], 0.016, 1.0),
            ([(-0.56, 0.39), (-0.42, 0.46), (-0.24, 0.47)], 0.016, 0.9)],
    "AU4": [([(-0.065, 0.10), (-0.075, 0.20), (-0.06, 0.31)], 0.015, 1.3),
            ([(-0.10, 0.15), (-0.12, 0.24)], 0.014, 0.6), ([(-0.06, 0.07), (0, 0.06)], 0.012, 0.5)],
    "AU6": [([(-0.55, 0.0), (-0.67, 0.06)], 0.011, 0.8), ([(-0.56, -0.03), (-0.70, -0.03)], 0.011, 0.9),
            ([(-0.54, -0.06), (-0.67, -0.12)], 0.011, 0.8),
            ([(-0.16, -0.09), (-0.32, -0.145), (-0.50, -0.11)], 0.018, 0.9),
            ([(-0.36, -0.20), (-0.56, -0.22)], 0.05, -0.8)],
    "AU7": [([(-0.20, -0.06), (-0.34, -0.085), (-0.48, -0.055)], 0.013, 0.7)],
    "AU9": [([(-0.05, 0.0), (-0.11, -0.07)], 0.012, 1.2), ([(-0.06, -0.06), (-0.14, -0.13)], 0.012, 1.1),
            ([(-0.06, 0.06), (0, 0.055)], 0.013, 1.1), ([(-0.05, 0.12), (0, 0.115)], 0.012, 0.7),
            ([(-0.21, -0.27), (-0.30, -0.37), (-0.36, -0.50)], 0.022, 1.2)],
    "AU10": [([(-0.22, -0.28), (-0.32, -0.37), (-0.38, -0.53), (-0.39, -0.62)], 0.022, 1.3)],
    "AU12": [([(-0.23, -0.32), (-0.33, -0.44), (-0.39, -0.57), (-0.385, -0.68)], 0.028, 1.6),
            ([(-0.47, -0.52), (-0.50, -0.66)], 0.020, 0.5),
             ([(-0.21, -0.41), (-0.30, -0.52), (-0.35, -0.64)], 0.045, 1.0),
             ([(-0.30, -0.69), (-0.34, -0.68)], 0.025, 1.2),
             ([(-0.44, -0.30), (-0.52, -0.40)], 0.085, -1.3)],
    "AU14": [([(-0.345, -0.63), (-0.365, -0.69), (-0.345, -0.75)], 0.016, 1.4)],
    "AU15": [([(-0.30, -0.71), (-0.345, -0.80), (-0.34, -0.90)], 0.018, 1.3)],
    "AU16": [([(-0.20, -0.86), (0, -0.87)], 0.016, 0.5)],
    "AU17": [([(-0.22, -0.90), (-0.10, -0.865), (0, -0.86)], 0.020, 1.3),
            ([(-0.10, -1.00), (-0.05, -1.03)], 0.014, 0.9), ([(-0.07, -1.08), (-0.02, -1.05)], 0.014, 0.9),
            ([(-0.13, -1.07), (-0.10, -1.03)], 0.014, 0.7)],
    "AU18": [([(-0.10, -0.56), (-0.08, -0.62)], 0.010, 0.7), ([(-0.18, -0.57), (-0.14, -0.62)], 0.010, 0.7)],
    "AU20": [([(-0.38, -0.58), (-0.42, -0.70), (-0.40, -0.82)], 0.018, 1.1),
            ([(-0.47, -0.64), (-0.50, -0.78)], 0.016, 0.6)],
    "AU22": [([(-0.12, -0.55), (-0.10, -0.60)], 0.010, 0.5)],
    "AU23": [([(-0.14, -0.575), (-0.12, -0.61)], 0.009, 0.7), ([(-0.05, -0.57), (-0.045, -0.60)], 0.009, 0.7),
            ([(-0.14, -0.79), (-0.12, -0.76)], 0.009, 0.6)],
    "AU24": [([(-0.28, -0.70), (-0.32, -0.75)], 0.014, 0.8), ([(-0.18, -0.84), (0, -0.85)], 0.018, 0.7)],
    "AU27": [([(-0.30, -0.40), (-0.40, -0.60), (-0.40, -0.80)], 0.028, 0.7)],
}  # fmt: skip
FURROW_UNITS = tuple(u for u in UNITS if u in _FURROWS)


@dataclass(frozen=True)
class Skin:
    """One person's paint: albedo (H, W, 3) and relief (K, 3, H, W) of rest and of each furrow unit."""

    albedo: np.ndarray
    slopes: (
        np.ndarray
    )  # slope along u, along v, share of light lost; 0 is the relief at rest, then FURROW_UNITS
    boxes: np.ndarray  # (K, 4) where each slope map is not zero: top, bottom, left, right
    gloss: np.ndarray  # (H, W)


def to_pixels(points: np.ndarray) -> np.ndarray:
    """Return texture pixels (x, y) of face-unit positions (..., 2); y points down in the texture.

    Examples
    --------
    >>> to_pixels(np.array([0.0, 1.05])).tolist()
    [150.0, 0.0]
    """
    points = np.asarray(points, float)
    return np.stack([(points[..., 0] - UV_LOW[0]) * SCALE, (UV_HIGH[1] - points[..., 1]) * SCALE], -1)


@cache
def plane() -> tuple[np.ndarray, np.ndarray]:
    """Return the face-unit coordinates of the texture pixels, two arrays (H, W)."""
    x = UV_LOW[0] + (np.arange(WIDTH) + 0.5) / SCALE
    y = UV_HIGH[1] - (np.arange(HEIGHT) + 0.5) / SCALE
    return np.meshgrid(x, y)  # type: ignore[return-value]


def _fill(points: np.ndarray) -> np.ndarray:
    """Return a soft mask (H, W) in [0, 1] of a closed outline given in face units."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(mask, [np.round(to_pixels(points) * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def _stroke(points: np.ndarray, width: float) -> np.ndarray:
    """Return a groove profile (H, W) in [0, 1] along a polyline; it fades out at both ends."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    s = np.linspace(0, len(points) - 1, 24)
    k = np.minimum(s.astype(int), len(points) - 2)
    fine = points[k] + (points[k + 1] - points[k]) * (s - k)[:, None]
    strength = np.sin(np.pi * (0.08 + 0.84 * np.linspace(0, 1, 24)))
    px = np.round(to_pixels(fine) * 16).astype(np.int32)
    for a, b, w in zip(px[:-1], px[1:], strength, strict=False):
        cv2.line(mask, tuple(map(int, a)), tuple(map(int, b)), float(w), 1, cv2.LINE_AA, shift=4)
    blurred = cv2.GaussianBlur(mask, (0, 0), max(width * SCALE, 0.7))
    return blurred * (2.5 * max(width * SCALE, 0.7))


def _blob(x: float, y: float, sx: float, sy: float) -> np.ndarray:
    gx, gy = plane()
    return np.exp(-0.5 * (((gx - x) / sx) ** 2 + ((gy - y) / sy) ** 2)).astype(np.float32)


@cache
def masks() -> dict[str, np.ndarray]:
    """Return the parts of the texture that do not depend on the person, each (H, W) in [0, 1]."""
    rest = tm.REST[:, :2]
    upper = np.concatenate([rest[list(tm.UPPER_LIP_OUTER)], rest[list(tm.UPPER_LIP_INNER)][::-1]])
    lower = np.concatenate([rest[list(tm.LOWER_LIP_OUTER)], rest[list(tm.LOWER_LIP_INNER)][::-1]])
    lips = np.maximum(_fill(upper), _fill(lower))
    shade = np.zeros((HEIGHT, WIDTH), np.float32)  # light that cannot reach: sockets, nostrils, under the lip
    for side in (-1, 1):
        shade += (
            0.38 * _blob(side * 0.19, 0.06, 0.06, 0.07)
            + 0.25 * _blob(side * 0.115, -0.10, 0.03, 0.14)
            + 0.22 * _blob(side * 0.36, 0.085, 0.15, 0.035)
        )
        shade += (0.22 * _blob(side * 0.36, -0.055, 0.15, 0.03)
                  + 1.10 * _blob(side * 0.080, -0.434, 0.030, 0.016))  # fmt: skip
        shade += 0.20 * _blob(side * 0.235, -0.37, 0.014, 0.045)
        shade += 0.40 * _blob(side * 0.185, -0.015, 0.022, 0.022)  # corners of the eye
        shade += 0.40 * _blob(side * 0.505, 0.005, 0.03, 0.022)
        shade += 0.25 * _blob(side * 0.285, -0.69, 0.02, 0.02)
    shade += 0.28 * _blob(0, -0.49, 0.11, 0.035) + 0.15 * _blob(0, -0.64, 0.17, 0.025)
    shade += 0.28 * _blob(0, -0.845, 0.14, 0.028)
    gx, gy = plane()
    under = np.clip((-1.22 - gy) / 0.12, 0, 1) * 0.15
    line = rest[list(tm.UPPER_LIP_INNER)]
    lashes = sum(_stroke(rest[list(c)], 0.018) for c in (tm.UPPER_LID, tm.mirrored(tm.UPPER_LID)))
    crease = (113, 225, 224, 223, 222, 221, 189)
    fold = sum(_stroke(0.55 * rest[list(c)] + 0.45 * rest[list(d)][:7], 0.008) for c, d in (
        (crease, tm.UPPER_LID[1:8]), (tm.mirrored(crease), tm.mirrored(tm.UPPER_LID[1:8]))))  # fmt: skip
    low_lash = sum(_stroke(rest[list(c)], 0.009) for c in (tm.LOWER_LID, tm.mirrored(tm.LOWER_LID)))
    beard = (
        np.clip((-0.50 - gy) / 0.15, 0, 1)
        * (1 - lips)
        * np.clip((1.2 - np.hypot(gx / 0.95, (gy + 0.75) / 0.75)) / 0.25, 0, 1)
    )
    beard = np.maximum(
        beard * np.clip((-0.55 - gy + 0.35 * np.abs(gx)) / 0.1, 0, 1),
        np.clip((np.abs(gx) - 0.62) / 0.06, 0, 1) * np.clip((-0.30 - gy) / 0.2, 0, 1),
    )
    beard *= 1 - np.clip((np.abs(gx) - 0.95) / 0.05, 0, 1)
    moustache = _blob(0.0, -0.54, 0.17, 0.035) * (1 - lips)
    return {"lips": cv2.GaussianBlur(lips, (0, 0), 1.0), "shade": np.clip(shade, 0, 0.9) + under,
            "lip_line": _stroke(line, 0.008), "fold": np.clip(fold, 0, 1), "lash": np.clip(lashes, 0, 1),
            "low_lash": np.clip(low_lash, 0, 1),
            "beard": cv2.GaussianBlur(beard.astype(np.float32), (0, 0), 3),
            "moustache": moustache}  # fmt: skip


def noise(rng: np.random.Generator, cell: float, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """Return smooth noise (H, W) of unit spread whose blobs are about `cell` pixels wide.

    Examples
    --------
    >>> noise(np.random.default_rng(0), 10, (20, 30)).shape
    (20, 30)
    """
    h, w = max(2, int(shape[0] / cell)), max(2, int(shape[1] / cell))
    small = rng.normal(size=(h + 3, w + 3)).astype(np.float32)
    big = cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return big / (big.std() + 1e-6)


def brow_mask(
    rng: np.random.Generator, thickness: float, shift: float, length: float, arch: float
) -> np.ndarray:
    """Return the brows (H, W) in [0, 1]: a band along the mesh's brow curves, broken up into hairs.

    Parameters
    ----------
    thickness, length : factors on the band between the mesh's curves
    shift : face units upward
    arch : how far the middle rises; 0 follows the mesh
    """
    out = np.zeros((HEIGHT, WIDTH), np.float32)
    for side in (0, 1):
        top = tm.REST[list(tm.BROW_TOP if side == 0 else tm.mirrored(tm.BROW_TOP)), :2]
        low = tm.REST[list(tm.BROW_BOTTOM if side == 0 else tm.mirrored(tm.BROW_BOTTOM)), :2]
        mid = (top + low) / 2 + [0, shift]
        mid = mid[-1] + (mid - mid[-1]) * [length, 1]
        mid[:, 1] += arch * np.array([-0.01, 0.015, 0.03, 0.015, 0.0])
        half = (top - low) / 2 * thickness * np.array([0.35, 0.6, 0.85, 1.0, 0.9])[:, None]
        out = np.maximum(out, _fill(np.concatenate([mid + half, (mid - half)[::-1]])))
    hairs = np.clip(0.95 + 0.30 * noise(rng, 3.0), 0, 1.3)
    return np.clip(1.35 * cv2.GaussianBlur(out, (0, 0), 1.2) * hairs, 0, 1)


def furrows(rng: np.random.Generator, depth: float, age: float) -> np.ndarray:
    """Return the height maps (1 + K, H, W) of rest and of each furrow unit, negative in a groove.

    Parameters
    ----------
    depth : factor on the depth of all furrows
    age : 0 to 1; how much of the furrows stays at rest
    """
    heights = np.zeros((1 + len(FURROW_UNITS), HEIGHT, WIDTH), np.float32)
    for k, unit in enumerate(FURROW_UNITS, start=1):
        for line, width, deep in _FURROWS[unit]:
            if rng.random() < 0.12:
                continue
            shift = rng.normal(0, 0.010, 2)
            for side in (-1, 1):
                points = (
                    np.array(line) * [-side, 1] + shift * [side, 1] + rng.normal(0, 0.004, (len(line), 2))
                )
                heights[k] -= depth * deep * rng.uniform(0.6, 1.3) * 0.011 * _stroke(points, width)
        # a crease stays after years of use, so a crease alone says nothing of the moment
        heights[0] += heights[k] * age * rng.uniform(0, 0.55)
    heights[0] += 0.0005 * noise(rng, 2.5) * (0.5 + age) + 0.0007 * noise(rng, 6)
    return heights


def _bounds(slope: np.ndarray) -> tuple[int, int, int, int]:
    """Return the box of a relief (3, H, W) outside of which it is as good as flat."""
    steep = np.abs(slope).max(0) > 1e-3
    rows, columns = np.flatnonzero(steep.any(1)), np.flatnonzero(steep.any(0))
    return (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) if len(rows) else (0, 0, 0, 0)


def paint(
    rng: np.random.Generator, look: dict[str, float], tone: np.ndarray, hair: np.ndarray, lip: np.ndarray
) -> Skin:
    """Paint a person.

    Parameters
    ----------
    look : amounts in [0, 1] or so: age, furrow_depth, mottle, freckles, moles, beard, moustache,
        stubble, brow_thickness, brow_shift, brow_length, brow_arch, brow_dark, fold, makeup, eye_bags
    tone, hair, lip : (3,) linear RGB albedo in [0, 1]

    Returns
    -------
    Skin
        All maps float32.
    """
    m, (gx, gy) = masks(), plane()  # noqa: F841
    redness = 0.6 * (
        _blob(-0.5, -0.38, 0.16, 0.14) + _blob(0.5, -0.38, 0.16, 0.14) + _blob(0, -0.33, 0.10, 0.10)
    )
    skin = tone * (1 + look["mottle"] * (
        0.05 * noise(rng, 40) + 0.035 * noise(rng, 12) + 0.03 * noise(rng, 3)))[..., None]  # fmt: skip
    skin = skin * (1 + redness[..., None] * np.array([0.10, -0.10, -0.08]) * rng.uniform(0.2, 1.4))
    spots = np.clip(noise(rng, 4) - 1.6, 0, 1) * look["freckles"] * np.exp(-(((gy + 0.25) / 0.3) ** 2))
    skin = skin * (1 - 0.4 * spots[..., None])
    for _ in range(int(look["moles"])):
        x, y, r = rng.uniform(-0.65, 0.65), rng.uniform(-1.1, 0.45), rng.uniform(0.012, 0.034)
        skin = skin * (1 - rng.uniform(0.35, 0.7) * _blob(x, y, r, r)[..., None])
    bags = _blob(-0.33, -0.12, 0.12, 0.035) + _blob(0.33, -0.12, 0.12, 0.035)
    skin = skin * (1 - look["eye_bags"] * 0.25 * bags[..., None])
    fuzz = np.clip(0.8 + 0.3 * noise(rng, 2.5), 0, 1)
    lower = np.clip(look["beard"] * m["beard"] + look["moustache"] * m["moustache"], 0, 1) * fuzz
    shadow = look["stubble"] * np.maximum(m["beard"], m["moustache"]) * 0.35
    for amount in (shadow, lower):
        skin = skin * (1 - amount[..., None]) + hair * amount[..., None]
    mouth = m["lips"][..., None] * (1 + 0.08 * noise(rng, 3))[..., None]
    skin = skin * (1 - mouth * 0.85) + lip * mouth * 0.85
    brow = brow_mask(rng, look["brow_thickness"], look["brow_shift"], look["brow_length"], look["brow_arch"])
    skin = (
        skin * (1 - look["brow_dark"] * brow[..., None])
        + np.minimum(0.7 * hair, 0.35 * tone) * look["brow_dark"] * brow[..., None]
    )
    dark = np.clip(
        m["lash"] * (rng.uniform(0.6, 1.1) + 0.4 * look["makeup"])
        + 0.6 * m["low_lash"] * (0.6 + look["makeup"])
        + 0.85 * m["lip_line"]
        + look["fold"] * m["fold"],
        0,
        0.92,
    )
    skin = skin * (1 - dark[..., None]) * np.clip(1 - m["shade"] * rng.uniform(0.5, 1.3), 0.05, 1)[..., None]
    heights = furrows(rng, look["furrow_depth"], look["age"])
    du, dv = np.gradient(heights, axis=2) * SCALE, -np.gradient(heights, axis=1) * SCALE
    slopes = np.stack([du, dv, -HOLLOW * heights], 1)  # (K, 3, H, W)
    gloss = np.clip(
        0.8 + 0.2 * noise(rng, 20) - rng.uniform(0, 0.8) * m["lips"] - 0.8 * brow - 0.7 * lower, 0.05, 2
    )
    boxes = np.array([_bounds(s) for s in slopes])
    return Skin(
        np.clip(skin, 0, 1).astype(np.float32), slopes.astype(np.float32), boxes, gloss.astype(np.float32)
    )
