"""What moving landmarks say, as some fifty named distances, heights and angles.

The mesh of every frame is laid rigidly (rotation, shift, scale) onto the clip's own neutral face,
using only points that no expression moves: eye corners, nose bridge, temples, top of the forehead.
What is left is expression. Lengths are in inter-ocular units: the distance between landmarks 33 and 263,
the outer eye corners, on the neutral face. x points to the image's right, y down, z away from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import BadInput

# Eye corners and nose bridge weigh fully; temples and hairline only steady the out-of-plane rotation.
STABLE: tuple[int, ...] = (33, 133, 362, 263, 168, 6, 197, 195, 127, 356, 10)
_WEIGHTS = np.array([1.0] * 8 + [0.4] * 3)
EYE_OUTER = (33, 263)


@dataclass(frozen=True)
class Measure:
    """One named number of an aligned face. `kind` says what is computed from `points`.

    `kind` is "distance" (between two points), "up" (height of one point above the eye line),
    "out" (its distance from the midline), or "angle" (slope of the line from the first to the second
    point, positive when the second lies higher, the sides mirrored so that both mean the same).
    """

    name: str
    kind: str
    points: tuple[int, ...]


def _both(name: str, kind: str, right: tuple[int, ...], left: tuple[int, ...]) -> list[Measure]:
    """One measure for each half of the face; "right" is the person's own right."""
    return [Measure(f"{name}_right", kind, right), Measure(f"{name}_left", kind, left)]


MEASURES: tuple[Measure, ...] = (
    Measure("mouth_width", "distance", (61, 291)),
    Measure("mouth_width_inner", "distance", (78, 308)),
    Measure("lip_opening_inner", "distance", (13, 14)),
    Measure("lip_opening_outer", "distance", (0, 17)),
    Measure("lip_thickness_upper", "distance", (0, 13)),
    Measure("lip_thickness_lower", "distance", (14, 17)),
    Measure("upper_lip_height", "up", (0,)),
    Measure("lower_lip_height", "up", (17,)),
    Measure("nose_to_upper_lip", "distance", (2, 0)),
    Measure("lower_lip_to_chin", "distance", (17, 199)),
    Measure("chin_height", "up", (152,)),
    Measure("chin_boss_height", "up", (199,)),
    Measure("nose_tip_height", "up", (1,)),
    Measure("nose_width", "distance", (98, 327)),
    Measure("brow_gap", "distance", (55, 285)),
    Measure("glabella_height", "up", (9,)),
    *_both("lip_corner_up", "up", (61,), (291,)),
    *_both("lip_corner_out", "out", (61,), (291,)),
    *_both("lip_corner_to_nose", "distance", (61, 98), (291, 327)),
    *_both("lip_corner_to_eye", "distance", (61, 33), (291, 263)),
    *_both("mouth_angle_upper", "angle", (13, 61), (13, 291)),
    *_both("mouth_angle_lower", "angle", (14, 61), (14, 291)),
    *_both("upper_lip_side_up", "up", (40,), (270,)),
    *_both("lower_lip_side_up", "up", (91,), (321,)),
    *_both("nose_wing_up", "up", (98,), (327,)),
    *_both("nose_wing_to_eye", "distance", (129, 133), (358, 362)),
    *_both("cheek_up", "up", (50,), (280,)),
    *_both("cheek_fold_up", "up", (205,), (425,)),
    *_both("cheek_fold_out", "out", (205,), (425,)),
    *_both("cheek_to_lid", "distance", (117, 145), (346, 374)),
    *_both("brow_inner_up", "up", (55,), (285,)),
    *_both("brow_middle_up", "up", (105,), (334,)),
    *_both("brow_outer_up", "up", (70,), (300,)),
    *_both("brow_slope", "angle", (55, 105), (285, 334)),
    *_both("eye_opening", "distance", (159, 145), (386, 374)),
    *_both("upper_lid_up", "up", (159,), (386,)),
    *_both("lower_lid_up", "up", (145,), (374,)),
)
NAMES: tuple[str, ...] = tuple(m.name for m in MEASURES)
# For each measure, where its mirror image stands: right and left change places, the rest stay.
_OTHER = {"right": "left", "left": "right"}
MIRROR: tuple[int, ...] = tuple(
    NAMES.index("_".join(_OTHER.get(word, word) for word in name.split("_"))) for name in NAMES
)
_LIDS = ("eye_opening", "upper_lid", "lower_lid")
BLINK: tuple[int, ...] = tuple(i for i, name in enumerate(NAMES) if name.startswith(_LIDS))


def neutral_frame(points: np.ndarray) -> np.ndarray:
    """Turn one face upright and frontal, its eye midpoint at the origin, in inter-ocular units.

    Parameters
    ----------
    points : (478, 3) array, pixels

    Returns
    -------
    (478, 3) float64 array. x runs along the eyes, y from hairline to chin.

    Raises
    ------
    BadInput
        If the landmarks hold no face (NaN) or all fall on one point.

    Examples
    --------
    >>> face = np.random.default_rng(0).normal(size=(478, 3))
    >>> upright = neutral_frame(face)
    >>> bool(np.isclose(np.linalg.norm(upright[33] - upright[263]), 1))
    True
    """
    p = np.asarray(points, dtype=np.float64)
    unit = float(np.linalg.norm(p[EYE_OUTER[0]] - p[EYE_OUTER[1]]))
    if not np.isfinite(p).all() or unit < 1e-6:
        raise BadInput("landmarks hold no face (NaN or a single point): give a frame with a face")
    x = p[[263, 362]].mean(0) - p[[33, 133]].mean(0)
    x /= np.linalg.norm(x) + 1e-12
    y = p[152] - p[10]
    y -= x * (x @ y)
    y /= np.linalg.norm(y) + 1e-12
    axes = np.stack([x, y, np.cross(x, y)])  # (3, 3)
    return ((p - p[[33, 133, 362, 263]].mean(0)) @ axes.T) / unit


def align(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Lay each frame's mesh rigidly onto `reference` by its stable points (weighted Procrustes in 3-D).

    Parameters
    ----------
    points : (T, 478, 3) array, pixels; frames of NaN stay NaN
    reference : (478, 3) array, from `neutral_frame`

    Returns
    -------
    (T, 478, 3) float64 array, inter-ocular units.

    Source: Umeyama (1991), "Least-squares estimation of transformation parameters".

    Examples
    --------
    >>> face = np.random.default_rng(0).normal(size=(478, 3))
    >>> upright = neutral_frame(face)
    >>> moved = 3.0 * upright[None] + 5.0
    >>> bool(np.allclose(align(moved, upright)[0], upright))
    True
    """
    points = np.asarray(points, dtype=np.float64)
    w = (_WEIGHTS / _WEIGHTS.sum())[:, None]
    target = reference[list(STABLE)]  # (S, 3)
    target_mean = (w * target).sum(0)
    source = points[:, list(STABLE)]  # (T, S, 3)
    source_mean = (w * source).sum(1, keepdims=True)  # (T, 1, 3)
    centered = source - source_mean
    covariance = np.einsum("tsi,sj->tij", centered * w, target - target_mean)  # (T, 3, 3)
    usable = np.isfinite(covariance).all((1, 2))
    u, s, vt = np.linalg.svd(np.where(usable[:, None, None], covariance, np.eye(3)))
    sign = np.sign(np.linalg.det(u @ vt))  # -1 would be a mirrored face
    flip = np.stack([np.ones_like(sign), np.ones_like(sign), sign], -1)  # (T, 3)
    rotation = (u * flip[:, None, :]) @ vt  # (T, 3, 3), applied from the right
    scale = (s * flip).sum(-1) / np.maximum((w * centered**2).sum((1, 2)), 1e-12)
    aligned = (points - source_mean) @ rotation * scale[:, None, None] + target_mean
    return np.where(usable[:, None, None], aligned, np.nan)


def measure(aligned: np.ndarray) -> np.ndarray:
    """Read every named measure off aligned faces.

    Parameters
    ----------
    aligned : (T, 478, 3) array from `align`

    Returns
    -------
    (T, M) float32 array in the order of `NAMES`: inter-ocular units, angles in radians / 2.

    Examples
    --------
    >>> measure(np.zeros((5, 478, 3))).shape == (5, len(NAMES))
    True
    """
    xy = np.asarray(aligned)[..., :2]
    columns = []
    for m in MEASURES:
        first, last = xy[:, m.points[0]], xy[:, m.points[-1]]
        if m.kind == "distance":
            columns.append(np.linalg.norm(last - first, axis=-1))
        elif m.kind == "up":
            columns.append(-first[:, 1])
        elif m.kind == "out":
            columns.append(np.abs(first[:, 0]))
        else:
            run = np.abs(last[:, 0] - first[:, 0]) + 0.05  # keeps the angle calm when the mouth is narrow
            columns.append(0.5 * np.arctan2(first[:, 1] - last[:, 1], run))
    return np.stack(columns, -1).astype(np.float32)


def quiet_frames(points: np.ndarray, found: np.ndarray, fps: float) -> np.ndarray:
    """Choose the clip's quietest early frames: the neutral reference, picked without the label.

    Looks at the frames with a face in the first 40 % of the clip (at most 1.5 s of it), and takes the
    third that moves least, never fewer than one frame. A clip of two frames gives its first.

    Parameters
    ----------
    points : (T, 478, 3) array, pixels
    found : (T,) bool array
    fps : float

    Returns
    -------
    (k,) int array of frame numbers, k >= 1.

    Raises
    ------
    BadInput
        If no frame has a face.

    Examples
    --------
    >>> face = np.random.default_rng(0).normal(size=(1, 478, 3)).repeat(2, 0)
    >>> quiet_frames(face, np.array([True, True]), 25.0).tolist()
    [0]
    """
    rows = np.flatnonzero(found)
    if rows.size == 0:
        raise BadInput("no frame of the clip has a face: there is no neutral reference")
    early = rows[: max(1, min(int(0.4 * rows.size), int(1.5 * fps)))]
    if early.size < 4:
        return early
    xy = align(points[early], neutral_frame(points[early[0]]))[..., :2]
    step = np.sqrt(((xy[1:] - xy[:-1]) ** 2).sum(-1)).mean(-1)  # (k - 1,)
    speed = np.maximum(np.append(step, step[-1]), np.insert(step, 0, step[0]))
    drift = np.sqrt(((xy - xy[0]) ** 2).sum(-1)).mean(-1)  # a held apex is quiet too: prefer the start
    keep = max(1, early.size // 3)
    return np.sort(early[np.argsort(speed + 0.5 * drift, kind="stable")[:keep]])
