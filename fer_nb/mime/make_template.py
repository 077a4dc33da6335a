"""Make `template.npz`, the neutral face that every Mime person is grown from.

The rest shape is MediaPipe's face mesh run on one public-domain portrait (scikit-image's
`astronaut`, a NASA photograph), turned to the front, made symmetric, and brought from its smile to
rest: the lips are set to a closed mouth of adult proportions and the skin around them follows.

Run `python -m fer_nb.mime.make_template [PATH]` to make the file again; it needs scikit-image.
Units: the distance between the outer eye corners (landmarks 33 and 263) is 1; x points to the right
of the picture, y up, z toward the camera.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

OUT = Path(__file__).with_name("template.npz")
NO_FACES = {(49, 64, 129), (279, 294, 358)}  # cliques that three faces fill already
LIP_ROWS = {  # corner to midline on the picture's left side; rows from the outside inward
    "upper": [
        [61, 185, 40, 39, 37, 0],
        [76, 184, 74, 73, 72, 11],
        [62, 183, 42, 41, 38, 12],
        [78, 191, 80, 81, 82, 13],
    ],
    "lower": [
        [61, 146, 91, 181, 84, 17],
        [76, 77, 90, 180, 85, 16],
        [62, 96, 89, 179, 86, 15],
        [78, 95, 88, 178, 87, 14],
    ],
}


def detect_portrait() -> tuple[np.ndarray, np.ndarray]:
    """Return the mesh of the portrait (478, 3) averaged over sizes, and the mirror permutation (478,)."""
    import mediapipe as mp
    from skimage.data import astronaut

    crop = astronaut()[0:320, 80:400]
    mesh = mp.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True)

    def run(image: np.ndarray) -> np.ndarray:
        found = mesh.process(np.ascontiguousarray(image)).multi_face_landmarks[0].landmark
        return np.array([[p.x, p.y, p.z] for p in found])

    points = np.mean([run(cv2.resize(crop, (s, s))) for s in (240, 280, 320, 400, 480)], axis=0)
    flipped = run(cv2.resize(crop, (400, 400))[:, ::-1])
    flipped[:, 0] = 1 - flipped[:, 0]
    gaps = np.square(points[:, None, :2] - flipped[None, :, :2]).sum(-1)  # (478, 478)
    return points * [1, -1, -1], linear_sum_assignment(gaps)[1]


def straighten(points: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Turn the mesh to the front, make it mirror-symmetric and scale it to outer eye corners 1 apart."""
    shape = points - points.mean(0)
    for _ in range(30):
        turn, _ = Rotation.align_vectors(shape, shape[mirror] * [-1, 1, 1])
        shape = Rotation.from_rotvec(-turn.as_rotvec() / 2).apply(shape)
    shape = (shape + shape[mirror] * [-1, 1, 1]) / 2
    shape /= np.linalg.norm(shape[33] - shape[263])
    shape -= (shape[33] + shape[263]) / 2
    up = shape[10] - shape[152]  # forehead and chin are set equally deep
    return Rotation.from_euler("x", -np.arctan2(up[2], up[1])).apply(shape)


def resting_lips(shape: np.ndarray, mirror: np.ndarray) -> dict[int, np.ndarray]:
    """Return target positions of a closed resting mouth: width 0.56, vermilion 0.085 and 0.105 high."""
    stomion, half_width = -0.685, 0.285
    targets: dict[int, np.ndarray] = {}
    for part, rows in LIP_ROWS.items():
        for depth, row in enumerate(rows):
            inward = depth / 3  # 0 at the vermilion border, 1 at the lip line
            for i, vertex in enumerate(row):
                s = 1 - abs(shape[row[i], 0]) / abs(shape[row[0], 0]) if i else 0.0  # 0 corner, 1 midline
                x = -half_width * (1 - s) * (1 - 0.03 * depth if i == 0 else 1)
                rise = (
                    (1 - (1 - s) ** 2.1) * (0.085 - 0.012 * np.exp(-(((1 - s) / 0.12) ** 2)))
                    if part == "upper"
                    else -0.105 * (1 - (1 - s) ** 2.4)
                )
                y = stomion - 0.008 * (1 - s) ** 2 + rise * (1 - inward)
                bulge = 0.035 * np.sin(np.pi * min(inward + 0.25, 1.0)) * min(1.0, 2 * s)
                z = 0.325 - 0.15 * (1 - s) ** 2 + bulge - 0.02 * inward
                targets[vertex] = np.array([x if s < 1 else 0.0, y, z])
                targets[int(mirror[vertex])] = targets[vertex] * [-1, 1, 1]
    return targets


def relax(shape: np.ndarray, triangles: np.ndarray, targets: dict[int, np.ndarray]) -> np.ndarray:
    """Move the targets and let the skin between them and the fixed parts follow smoothly (harmonic)."""
    n = len(shape)
    weights = np.zeros((n, n))
    for a, b, c in triangles:
        for i, j in ((a, b), (b, c), (c, a)):
            weights[i, j] = weights[j, i] = 1 / (np.linalg.norm(shape[i] - shape[j]) + 1e-6)
    laplacian = np.diag(weights.sum(1)) - weights
    move = np.zeros((n, 3))
    fixed = {i for i in range(n) if shape[i, 1] > -0.2} | {1, 2, 4, 5, 94, 19, 98, 327, 97, 326, 164}
    fixed |= {234, 93, 132, 58, 454, 323, 361, 288, 152, 148, 377, 172, 397, 136, 365}
    for i, target in targets.items():
        move[i] = target - shape[i]
    known = np.array(sorted(fixed | set(targets)))
    free = np.setdiff1d(np.arange(n), known)
    move[free] = np.linalg.solve(laplacian[np.ix_(free, free)], -laplacian[np.ix_(free, known)] @ move[known])
    return shape + move


def triangles_of_mesh() -> np.ndarray:
    """Return the triangles (852, 3): the 3-cliques of MediaPipe's tessellation edges that are faces of it.

    Two of the 854 cliques are no faces: they lie over three others at the wings of the nose.
    """
    from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

    near: dict[int, set[int]] = {}
    for a, b in FACEMESH_TESSELATION:
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    cliques = {tuple(sorted((a, b, c))) for a in near for b in near[a] for c in near[a] & near[b]}
    return np.array(sorted(cliques - NO_FACES))


def main(out: Path = OUT) -> None:
    """Make the template and write it to `out`: rest (478, 3), triangles (852, 3), mirror (478,)."""
    points, mirror = detect_portrait()
    shape = straighten(points, mirror)
    triangles = triangles_of_mesh()
    targets = resting_lips(shape, mirror)
    rest = shape.copy()
    rest[:468] = relax(shape[:468], triangles, targets)
    wing = np.square(rest[:, 0] / 0.20) + np.square((rest[:, 1] + 0.38) / 0.08)
    rest[:, 0] *= 1 - 0.12 * np.exp(-0.5 * wing)  # a smile widens the nose
    rest = (rest + rest[mirror] * [-1, 1, 1]) / 2
    edges = rest[triangles]  # (852, 3, 3)
    facing = np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0])[:, 2] >= 0
    # counter-clockwise seen from the front
    triangles = np.where(facing[:, None], triangles, triangles[:, [0, 2, 1]])
    np.savez_compressed(
        out,
        rest=rest.astype(np.float32),
        triangles=triangles.astype(np.int16),
        mirror=mirror.astype(np.int16),
    )
    print(f"wrote {out.name}: {rest.shape[0]} points, {len(triangles)} triangles")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
