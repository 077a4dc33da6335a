"""The head around the face: grids that fit together, mirror images, materials that exist."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fer_nb.mime import head
from fer_nb.mime import template as tm

FLIP = np.array([-1, 1, 1])


def parts() -> dict[str, head.Mesh]:
    rings = head.skull_rings(tm.REST)
    return {
        "ears": head.ears(tm.REST, 1.0),
        "neck and shoulders": head.neck_and_shoulders(1.0, 1.0),
        "hair behind": head.hair_back(1.5, 0.05, 0.1),
        "hair above": head.hair_cap(rings, 0.1, 0.3, 0.05),
        "glasses": head.glasses(tm.REST, 0.2, 0.15, 0.5),
    }


@pytest.mark.parametrize("name", parts())
def test_a_part_is_whole(name: str) -> None:
    mesh = parts()[name]
    assert np.isfinite(mesh.points).all() and mesh.points.shape[1] == 3
    assert mesh.uv.shape == (len(mesh.points), 2) and mesh.material.shape == (len(mesh.triangles),)
    assert mesh.triangles.min() >= 0 and mesh.triangles.max() < len(mesh.points)
    assert set(mesh.material) <= set(range(7))


@pytest.mark.parametrize("name", parts())
def test_a_part_has_two_like_sides(name: str) -> None:
    points = parts()[name].points
    apart = np.linalg.norm(points[:, None] * FLIP - points[None], axis=-1).min(1)
    assert apart.max() < 0.06, "every point has its mirror image, up to the pattern of the grid"


def test_rings_go_around_the_oval_and_back() -> None:
    rings = head.skull_rings(tm.REST)
    assert rings.shape == (head.RINGS * 36, 3)
    grid = rings.reshape(head.RINGS, 36, 3)
    assert (np.diff(grid[..., 2], axis=0) < 0).all(), "each ring lies behind the one before"
    assert grid[0, 0, 1] > tm.REST[10, 1], "and the first is above the forehead"


def test_topology_covers_all_points_of_the_face() -> None:
    points = head.face_points(tm.REST, head.skull_rings(tm.REST))
    triangles, uv, material = head.face_topology()
    assert len(points) == len(uv) and len(triangles) == len(material)
    assert set(triangles.ravel()) == set(range(len(points)))
    assert set(material) == {head.SKIN, head.EYE, head.MOUTH}


def test_skin_is_one_surface_without_gaps() -> None:
    triangles, _, material = head.face_topology()
    spans = {(49, 64, 129), (279, 294, 358)}  # see test_template.py
    skin = [t for t in triangles[material == head.SKIN] if tuple(sorted(t)) not in spans]
    count = Counter(frozenset(edge) for t in skin for edge in ((t[0], t[1]), (t[1], t[2]), (t[2], t[0])))
    assert max(count.values()) == 2
    loose = {int(point) for edge, n in count.items() if n == 1 for point in edge}
    last_ring = set(range(468 + (head.RINGS - 1) * 36, 468 + head.RINGS * 36))
    openings = {p for upper, lower, _ in head.strips() for p in upper + lower}
    assert loose == last_ring | openings


def test_eyes_and_mouth_lie_behind_their_openings() -> None:
    points = head.face_points(tm.REST, head.skull_rings(tm.REST))
    start = 468 + head.RINGS * 36
    for upper, lower, what in head.strips():
        back = points[start : start + 2 * len(upper)] - tm.REST[list(upper + lower)]
        assert (back[:, 2] < 0).all() and not back[:, :2].any(), what
        start += 2 * len(upper)


def test_hair_above_stays_above_its_line() -> None:
    rings = head.skull_rings(tm.REST)
    short, long = head.hair_cap(rings, 0.1, 0.5, 0.0), head.hair_cap(rings, 0.1, 0.2, 0.0)
    assert len(short.triangles) < len(long.triangles)
    reached = short.points[short.triangles.ravel()]
    assert reached[:, 1].min() > 0.5 - 1.5 * 0.45
    assert (np.linalg.norm(long.points - head.SKULL_CENTER, axis=1) > 0.3).all()


def test_hair_behind_reaches_down_to_its_length() -> None:
    assert head.hair_back(2.0, 0.0, 0.0).points[:, 1].min() == pytest.approx(-2.0)


def test_glasses_sit_before_the_eyes() -> None:
    mesh = head.glasses(tm.REST, 0.2, 0.15, 1.0)
    rim = mesh.points[:20]
    assert rim[:, 0].max() < 0 and abs(rim[:, 0].mean() + 0.345) < 0.01
    assert set(mesh.material) == {head.FRAME}
