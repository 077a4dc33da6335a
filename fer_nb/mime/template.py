"""The neutral face: MediaPipe's 468-point mesh at rest, and the curves on it that have names.

Coordinates ("face units"): the outer eye corners are 1 apart; x to the right of the picture, y up,
z toward the camera; the origin lies midway between the outer eye corners. "Left" and "right" are
those of the picture, not of the person.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

_FILE = np.load(Path(__file__).with_name("template.npz"))
REST: np.ndarray = _FILE["rest"].astype(np.float64)  # (478, 3); 468 to 477 are the irises
TRIANGLES: np.ndarray = _FILE["triangles"].astype(np.int64)  # (852, 3), counter-clockwise from the front
MIRROR: np.ndarray = _FILE["mirror"].astype(np.int64)  # (478,) index of each point's mirror image
MESH_POINTS = 468

# Curves of the picture's left half, from the outer end inward; mirrored for the right half.
BROW_TOP = (70, 63, 105, 66, 107)
BROW_BOTTOM = (46, 53, 52, 65, 55)
UPPER_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133)
LOWER_LID = (33, 7, 163, 144, 145, 153, 154, 155, 133)
# Whole curves from the picture's left to its right.
UPPER_LIP_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_LIP_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
UPPER_LIP_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LOWER_LIP_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
        152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
# Lips, rows from the vermilion border to the lip line, each from the picture's left corner to the midline.
LIP_ROWS_UPPER = (
    (61, 185, 40, 39, 37, 0),
    (76, 184, 74, 73, 72, 11),
    (62, 183, 42, 41, 38, 12),
    (78, 191, 80, 81, 82, 13),
)
LIP_ROWS_LOWER = (
    (61, 146, 91, 181, 84, 17),
    (76, 77, 90, 180, 85, 16),
    (62, 96, 89, 179, 86, 15),
    (78, 95, 88, 178, 87, 14),
)


def mirrored(points: tuple[int, ...]) -> tuple[int, ...]:
    """Return the same curve on the other half of the face.

    Examples
    --------
    >>> mirrored((33, 133))
    (263, 362)
    """
    return tuple(int(MIRROR[i]) for i in points)


@cache
def skin_distance() -> np.ndarray:
    """Return distances along the skin between all mesh points, (468, 468), in face units.

    Mouth and eyes are holes in the mesh, so the upper lip is far from the lower one although they
    touch: a pull on one does not drag the other.
    """
    i, j = np.concatenate([TRIANGLES[:, [0, 1]], TRIANGLES[:, [1, 2]], TRIANGLES[:, [2, 0]]]).T
    length = np.linalg.norm(REST[i] - REST[j], axis=1)
    graph = coo_array((length, (i, j)), shape=(MESH_POINTS, MESH_POINTS)).tocsr()
    graph = graph.maximum(graph.T)
    return dijkstra(graph, directed=False)


@cache
def _laplacian() -> np.ndarray:
    weights = np.zeros((MESH_POINTS, MESH_POINTS))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        i, j = TRIANGLES[:, a], TRIANGLES[:, b]
        weights[i, j] = weights[j, i] = 1 / (np.linalg.norm(REST[i] - REST[j], axis=1) + 1e-6)
    return np.diag(weights.sum(1)) - weights


def spread(values: dict[int, np.ndarray | float]) -> np.ndarray:
    """Spread values given at some mesh points smoothly over all others (harmonic), (468, d).

    No point gets more than the largest of the values or less than the smallest.

    Parameters
    ----------
    values : mesh point to number or (d,) array

    Examples
    --------
    >>> amount = spread({10: 1.0, 152: 0.0})[:, 0]  # 1 at the top of the forehead, 0 at the chin
    >>> bool(0 < amount[13] < amount[1] < amount[9] < 1)
    True
    """
    known = np.array(sorted(values))
    out = np.zeros((MESH_POINTS, np.atleast_1d(next(iter(values.values()))).size))
    out[known] = [np.atleast_1d(values[i]) for i in known]
    free = np.setdiff1d(np.arange(MESH_POINTS), known)
    laplacian = _laplacian()
    out[free] = np.linalg.solve(laplacian[np.ix_(free, free)], -laplacian[np.ix_(free, known)] @ out[known])
    return out
