"""The rest of the head: skull, ears, neck, shoulders, hair and glasses, as one triangle mesh.

The face mesh ends at its oval. Rings of points carry the skin from there over the skull and under the
jaw. Everything a camera sees is a triangle with a material, so one depth buffer settles what hides what.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from . import template as tm

SKIN, EYE, MOUTH, HAIR, CLOTH, FRAME, LENS = range(7)  # materials
RINGS = 4
UV_LOW, UV_HIGH = np.array([-1.25, -1.65]), np.array([1.25, 1.05])  # texture plane in face units
SKULL_CENTER, SKULL_RADII = np.array([0.0, 0.22, -0.80]), np.array([0.86, 0.92, 1.0])


@dataclass(frozen=True)
class Mesh:
    """Triangles over `points`; `uv` is the texture position (face units), `material` one per triangle."""

    points: np.ndarray  # (N, 3)
    triangles: np.ndarray  # (M, 3)
    uv: np.ndarray  # (N, 2)
    material: np.ndarray  # (M,)


def _grid_triangles(rows: int, columns: int, start: int, closed: bool) -> np.ndarray:
    """Return the triangles of a grid of points numbered row by row from `start`."""
    out = []
    for r in range(rows - 1):
        for c in range(columns if closed else columns - 1):
            a, b = start + r * columns + c, start + r * columns + (c + 1) % columns
            out += [(a, b, a + columns), (b, b + columns, a + columns)]
    return np.array(out)


def join(parts: list[Mesh]) -> Mesh:
    """Return several meshes as one."""
    offset = np.cumsum([0] + [len(p.points) for p in parts])
    return Mesh(
        np.concatenate([p.points for p in parts]),
        np.concatenate([p.triangles + o for p, o in zip(parts, offset, strict=False)]),
        np.concatenate([p.uv for p in parts]),
        np.concatenate([p.material for p in parts]),
    )


def skull_rings(face: np.ndarray) -> np.ndarray:
    """Return the rings around the face oval, (RINGS * 36, 3), for a resting face (478, 3)."""
    oval = face[list(tm.OVAL)]  # (36, 3)
    direction = oval[:, :2] - [0, -0.25]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    crown = SKULL_CENTER[:2] + SKULL_RADII[:2] * direction * [1.0, 1.0]
    throat = np.stack([oval[:, 0] * 0.80, np.maximum(oval[:, 1] + 0.02, -1.22)], 1)
    low = np.clip((-0.25 - oval[:, 1]) / 0.35, 0, 1)[:, None]  # 0 above the ears, 1 along the jaw
    rim = crown * (1 - low) + throat * low  # (36, 2)
    depth = SKULL_CENTER[2] * (1 - low[:, 0]) + (oval[:, 2] - 0.55) * low[:, 0]
    rings = []
    for k in range(1, RINGS + 1):
        a = np.pi / 2 * k / (RINGS - 1) if k < RINGS else np.pi / 2
        xy = oval[:, :2] + (rim - oval[:, :2]) * np.sin(a)
        z = oval[:, 2] + (depth - oval[:, 2]) * (1 - np.cos(a))
        if k == RINGS:  # one ring behind the silhouette closes the head at large turns
            xy, z = xy * 0.85 + np.array([0, 0.22]) * 0.15, z - 0.6
        rings.append(np.column_stack([xy, z]))
    return np.concatenate(rings)


@cache
def face_topology() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return triangles, uv and material of face, eyes, mouth and skull; points as in `face_points`."""
    n = tm.MESH_POINTS
    oval_uv = tm.REST[list(tm.OVAL), :2]
    outward = oval_uv - [0, -0.25]
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    ring_uv = np.concatenate([oval_uv + outward * 0.09 * k for k in range(1, RINGS + 1)])
    uv = [tm.REST[:n, :2], ring_uv]
    rings = _grid_triangles(RINGS, 36, n, closed=True)
    first = [(tm.OVAL[c], tm.OVAL[(c + 1) % 36], n + c) for c in range(36)]
    first += [(tm.OVAL[(c + 1) % 36], n + (c + 1) % 36, n + c) for c in range(36)]
    triangles, material = (
        [tm.TRIANGLES, np.array(first), rings],
        [np.full(len(tm.TRIANGLES) + 72 + len(rings), SKIN)],
    )
    start = n + RINGS * 36
    for upper, lower, what in strips():  # noqa: B007
        count = len(upper)
        triangles.append(_grid_triangles(2, count, start, closed=False))
        material.append(np.full(2 * (count - 1), what))
        u = np.linspace(0, 1, count)
        uv += [np.column_stack([u, np.ones(count)]), np.column_stack([u, np.zeros(count)])]
        start += 2 * count
    return np.concatenate(triangles), np.concatenate(uv), np.concatenate(material)


@cache
def strips() -> tuple[tuple[tuple[int, ...], tuple[int, ...], int], ...]:
    """Return the openings as (upper curve, lower curve, material): two eyes and the mouth."""
    right_up, right_low = tm.mirrored(tm.UPPER_LID)[::-1], tm.mirrored(tm.LOWER_LID)[::-1]
    return (
        (tm.UPPER_LID, tm.LOWER_LID, EYE),
        (right_up, right_low, EYE),
        (tm.UPPER_LIP_INNER, tm.LOWER_LIP_INNER, MOUTH),
    )


def face_points(deformed: np.ndarray, rings: np.ndarray) -> np.ndarray:
    """Return all points of the face topology, (P, 3), from the deformed face (478, 3) and its skull rings."""
    parts = [deformed[: tm.MESH_POINTS], rings]
    for upper, lower, what in strips():
        back = np.array([0, 0, -0.035 if what == MOUTH else -0.012])
        parts += [deformed[list(upper)] + back, deformed[list(lower)] + back]
    return np.concatenate(parts)


def _sheet(points: np.ndarray, material: int, closed: bool = False) -> Mesh:
    """Return a mesh from a grid of points (rows, columns, 3)."""
    rows, columns, _ = points.shape
    triangles = _grid_triangles(rows, columns, 0, closed)
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    uv = np.stack([u, v], -1).reshape(-1, 2)
    return Mesh(points.reshape(-1, 3), triangles, uv, np.full(len(triangles), material))


def ears(face: np.ndarray, size: float) -> Mesh:
    """Return two shallow shells beside the oval."""
    t, r = np.meshgrid(np.linspace(0, 2 * np.pi, 12, endpoint=False), [0.05, 0.6, 1.0], indexing="xy")
    parts = []
    for side, anchor in ((-1, 234), (1, 454)):
        c = face[anchor] + [side * 0.02, 0.02, -0.10]
        x = c[0] + side * (0.05 * size * r * np.cos(t) + 0.045 * (1 - 0.6 * r))
        y = c[1] + 0.22 * size * r * np.sin(t) + 0.02
        z = c[2] - 0.10 * r * np.cos(t) * 0.5 + 0.04 * r
        mesh = _sheet(np.stack([x, y, z], -1), SKIN, closed=True)
        uv = np.tile([[side * 0.93, -0.30]], (len(mesh.points), 1)) + 0.02 * mesh.points[:, 1:3]
        parts.append(Mesh(mesh.points, mesh.triangles, uv, mesh.material))
    return join(parts)


def neck_and_shoulders(width: float, build: float) -> Mesh:
    """Return a neck (skin) and shoulders (cloth); they do not turn with the head."""
    a = np.linspace(-0.5 * np.pi, 1.5 * np.pi, 18, endpoint=False)
    rows = []
    for y, r in ((-0.75, 0.48), (-1.2, 0.49), (-1.6, 0.54), (-2.0, 0.85)):
        rows.append(np.stack([width * r * np.cos(a), np.full_like(a, y), -0.62 - 0.45 * r * np.sin(a)], -1))
    neck = _sheet(np.array(rows), SKIN, closed=True)
    uv = np.column_stack(
        [0.6 * neck.points[:, 0], np.full(len(neck.points), -1.45) + 0.02 * neck.points[:, 1]]
    )
    b, h = np.meshgrid(np.linspace(0, np.pi, 19), np.linspace(0.10, 1.35, 7))
    body = np.stack(
        [
            build * 1.9 * np.cos(b) * np.sin(h),
            -2.95 + 1.25 * np.cos(h) + 0.0 * b,
            -0.75 + 0.75 * np.sin(b) * np.sin(h),
        ],
        -1,
    )
    return join([Mesh(neck.points, neck.triangles, uv, neck.material), _sheet(body, CLOTH)])


def hair_back(length: float, volume: float, taper: float) -> Mesh:
    """Return hair hanging behind the head down to `length` (face units below the eyes)."""
    y = np.linspace(0.9, -length, 9)
    half = ((0.80 + volume) * np.sqrt(np.clip(1 - ((y - 0.15) / 1.05) ** 2, 0.0, 1)) * (y > 0.15)
            + (0.80 + volume) * (1 - taper * np.clip(-(y - 0.15), 0, 3)) * (y <= 0.15))  # fmt: skip
    s = np.linspace(-1, 1, 11)
    points = np.stack(np.broadcast_arrays(half[:, None] * s, y[:, None], -0.75 - 0.25 * (1 - s**2)), -1)
    return _sheet(points, HAIR)


def hair_cap(rings: np.ndarray, volume: float, low: float, lift: float) -> Mesh:
    """Return the hair over the skull: the rings above height `low`, puffed out by `volume`."""
    grid = rings.reshape(RINGS, 36, 3).copy()
    out = grid - SKULL_CENTER
    out /= np.linalg.norm(out, axis=2, keepdims=True)
    grow = np.array([0.15, 0.8, 1.0, 1.0])[:, None, None]
    grid += out * (0.03 + volume * grow) + np.array([0, lift, 0.02]) * grow
    mesh = _sheet(grid, HAIR, closed=True)
    flat = grid.reshape(-1, 3)
    drop = 1.5 * np.clip(-0.15 - flat[:, 2], 0, 0.45)  # hair reaches lower behind the temples
    keep = (flat[:, 1] + drop)[mesh.triangles].min(1) > low
    return Mesh(mesh.points, mesh.triangles[keep], mesh.uv * [6, 1], mesh.material[keep])


def glasses(face: np.ndarray, width: float, height: float, round_: float) -> Mesh:
    """Return spectacle rims, bridge and temples standing before the eyes."""
    t = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    parts = []
    for side in (-1, 1):
        c = np.array([side * 0.345, -0.01, face[168, 2] - 0.06])
        p = 2 / (2 + 4 * (1 - round_))  # super-ellipse exponent
        x, y = np.sign(np.cos(t)) * np.abs(np.cos(t)) ** p, np.sign(np.sin(t)) * np.abs(np.sin(t)) ** p
        ring = [
            np.stack([c[0] + k * width * x, c[1] + k * height * y, c[2] - 0.10 * side * (x + side) * 0.5], -1)
            for k in (1.0, 1.09)
        ]
        parts.append(_sheet(np.array(ring), FRAME, closed=True))
        temple = np.array(
            [
                [[side * (0.345 + width), 0.03 + d, c[2] - 0.08], [side * 0.84, 0.0 + d, -0.6]]
                for d in (0.0, 0.035)
            ]
        )
        parts.append(_sheet(temple, FRAME))
    bridge = np.array(
        [
            [
                [-0.345 + width, 0.02 + d, face[168, 2] - 0.05],
                [0, 0.05 + d, face[168, 2] + 0.02],
                [0.345 - width, 0.02 + d, face[168, 2] - 0.05],
            ]
            for d in (0.0, 0.03)
        ]
    )
    return join([*parts, _sheet(bridge, FRAME)])
