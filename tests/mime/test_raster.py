"""The renderer, triangle by triangle: which pixels, which is nearer, which way it faces."""

from __future__ import annotations

import numpy as np
import pytest

from fer_nb.mime import raster

ONE = np.array([[0, 1, 2]])
CORNER = np.array([[1.0, 1.0, 0.0], [7.0, 1.0, 0.0], [1.0, 7.0, 0.0]])  # x, y, nearness


def covered(points: np.ndarray, triangles: np.ndarray = ONE, size: int = 10) -> np.ndarray:
    return raster.rasterize(points, triangles, size)[0]


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1]])
def test_a_triangle_covers_the_pixels_whose_centers_it_holds(order: list[int]) -> None:
    y, x = np.mgrid[0:10, 0:10] + 0.5
    inside = (x >= 1) & (y >= 1) & (x + y <= 8)
    np.testing.assert_array_equal(covered(CORNER[order]) == 0, inside)
    assert inside.sum() == 21


def test_the_weights_say_where_in_the_triangle() -> None:
    _, bary = raster.rasterize(CORNER, ONE, 10)
    w1, w2 = bary[2, 3]  # the pixel with its center at (3.5, 2.5)
    found = CORNER[0] + w1 * (CORNER[1] - CORNER[0]) + w2 * (CORNER[2] - CORNER[0])
    np.testing.assert_allclose(found[:2], [3.5, 2.5], atol=1e-6)


@pytest.mark.parametrize("near", [0, 1])
def test_the_nearer_triangle_hides_the_other(near: int) -> None:
    back, front = CORNER.copy(), CORNER.copy()
    front[:, 2] = 1
    pair = [front, back] if near == 0 else [back, front]
    ids = covered(np.concatenate(pair), np.array([[0, 1, 2], [3, 4, 5]]))
    assert set(np.unique(ids)) == {-1, near}


def test_triangles_that_cross_share_the_picture() -> None:
    tilted = CORNER.copy()
    tilted[:, 2] = [-1, 5, -1]  # nearer than the other one toward the right
    ids = covered(np.concatenate([CORNER, tilted]), np.array([[0, 1, 2], [3, 4, 5]]))
    assert ids[1, 1] == 0 and ids[1, 5] == 1


def test_neighbors_leave_no_gap() -> None:
    square = np.array([[2.0, 2, 0], [8, 2, 0], [8, 8, 0], [2, 8, 0]])
    ids = covered(square, np.array([[0, 1, 2], [0, 2, 3]]))
    assert (ids[2:8, 2:8] >= 0).all() and (ids >= 0).sum() == 36


def test_what_lies_outside_or_has_no_area_is_left_out() -> None:
    assert (covered(CORNER - [50, 0, 0]) == -1).all()
    assert (covered(CORNER[[0, 1, 1]]) == -1).all()
    assert (covered(CORNER * 100 - 300)[5, 5]) == 0, "larger than the picture is no harm"


def test_normals_of_a_flat_square_point_to_the_viewer() -> None:
    square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    normals = raster.vertex_normals(square, np.array([[0, 1, 2], [0, 2, 3]]))
    np.testing.assert_allclose(normals, np.tile([0.0, 0, 1], (4, 1)), atol=1e-9)
    turned = raster.vertex_normals(square, np.array([[0, 2, 1], [0, 3, 2]]))
    np.testing.assert_allclose(turned, -normals)


def test_normals_are_weighted_by_area() -> None:
    points = np.array([[0.0, 0, 0], [3, 0, 0], [0, 3, 0], [0, 0, 1]])  # a large floor, a small wall
    normal = raster.vertex_normals(points, np.array([[0, 1, 2], [0, 2, 3]]))[0]
    np.testing.assert_allclose(normal, np.array([3, 0, 9]) / np.hypot(3, 9), atol=1e-9)
    assert np.isfinite(raster.vertex_normals(points, np.array([[0, 0, 0]]))).all()


def test_slopes_add_up() -> None:
    rng = np.random.default_rng(0)
    slopes, boxes = np.zeros((4, 3, 20, 30), np.float32), np.zeros((4, 4), np.int64)
    slopes[0] = rng.normal(size=(3, 20, 30))
    for k in (1, 2, 3):
        top, left = rng.integers(0, 10, 2)
        boxes[k] = top, top + 8, left, left + 12
        slopes[k, :, top : top + 8, left : left + 12] = rng.normal(size=(3, 8, 12))
    weights = np.array([1.0, 0.7, 0.3, 1.1])
    mixed = raster.mix_slopes(slopes, boxes, weights)
    np.testing.assert_allclose(mixed, np.tensordot(weights, slopes, 1), rtol=1e-5, atol=1e-6)
    rest = raster.mix_slopes(slopes, boxes, np.array([1.0, 0, 0, 0]))
    np.testing.assert_array_equal(rest, slopes[0])
    assert rest is not slopes[0] and not np.shares_memory(rest, slopes)
