"""Action units: how each muscle action of the Facial Action Coding System moves the skin.

A unit is a displacement field over the mesh, made of smooth bumps around landmarks; distance is
measured along the skin. Two units are not bumps: the jaw turns about its hinge (AU26, AU27), and the
upper lid travels to the lower one (AU43). Intensity 0 is rest, 1 the strongest action of an average
adult. Source of the unit definitions: Ekman, Friesen and Hager, *Facial Action Coding System* (2002). The
size of a full smile (mouth a quarter wider, its corners rising at about 47 degrees, the upper lip lifted by
a quarter of its length once the lips part) follows Tarantili, Halazonetis and Spyropoulos (2005), "The
spontaneous smile in dynamic motion", American Journal of Orthodontics and Dentofacial Orthopedics 128.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from . import template as tm

UNITS: tuple[str, ...] = (
    "AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU10", "AU12", "AU14", "AU15", "AU16", "AU17",
    "AU18", "AU20", "AU22", "AU23", "AU24", "AU25", "AU26", "AU27", "AU43",
)  # fmt: skip
NAMES: dict[str, str] = {
    "AU1": "inner brow raiser", "AU2": "outer brow raiser", "AU4": "brow lowerer", "AU5": "upper lid raiser",
    "AU6": "cheek raiser", "AU7": "lid tightener", "AU9": "nose wrinkler", "AU10": "upper lip raiser",
    "AU12": "lip corner puller", "AU14": "dimpler", "AU15": "lip corner depressor",
    "AU16": "lower lip depressor", "AU17": "chin raiser", "AU18": "lip pucker", "AU20": "lip stretcher",
    "AU22": "lip funneler", "AU23": "lip tightener", "AU24": "lip pressor", "AU25": "lips part",
    "AU26": "jaw drop", "AU27": "mouth stretch", "AU43": "eyes closed",
}  # fmt: skip
INDEX: dict[str, int] = {name: i for i, name in enumerate(UNITS)}
JAW_DEGREES = {"AU26": 10.0, "AU27": 27.0}
JAW_HINGE = np.array([0.0, -0.30, -0.50])

# unit -> bumps (landmark on the picture's left half or midline, width, (outward, up, forward))
BUMPS: dict[str, list[tuple[int, float, tuple[float, float, float]]]] = {
    "AU1": [(107, 0.13, (0.0, 0.075, 0)), (55, 0.10, (0.0, 0.05, 0)), (66, 0.10, (0.0, 0.035, 0)),
            (108, 0.16, (0, 0.03, 0))],
    "AU2": [(105, 0.13, (0, 0.055, 0)), (63, 0.12, (0, 0.06, 0)), (70, 0.12, (0.005, 0.045, 0)),
            (104, 0.18, (0, 0.03, 0)), (225, 0.06, (0, 0.012, 0))],
    "AU4": [(55, 0.11, (-0.036, -0.056, 0.012)), (107, 0.11, (-0.022, -0.031, 0.006)),
            (65, 0.11, (-0.014, -0.046, 0.006)), (105, 0.12, (0, -0.026, 0)), (9, 0.10, (0, -0.020, 0.006)),
            (223, 0.07, (0, -0.021, 0))],
    "AU5": [(159, 0.07, (0, 0.042, -0.004)), (158, 0.06, (0, 0.015, 0)), (161, 0.06, (0, 0.015, 0)),
            (223, 0.08, (0, 0.014, 0)), (145, 0.05, (0, -0.008, 0))],
    "AU6": [(118, 0.12, (0, 0.035, 0.02)), (50, 0.14, (0.005, 0.045, 0.03)), (145, 0.07, (0, 0.026, 0.004)),
            (163, 0.06, (0, 0.014, 0)), (33, 0.07, (-0.004, -0.004, 0))],
    "AU7": [(145, 0.065, (0, 0.036, 0.006)), (163, 0.05, (0, 0.014, 0)), (154, 0.05, (0, 0.012, 0)),
            (159, 0.05, (0, -0.018, 0))],
    "AU9": [(129, 0.10, (0.006, 0.044, 0.01)), (98, 0.08, (0.006, 0.022, 0)),
            (198, 0.09, (-0.004, 0.030, 0.012)), (37, 0.10, (0, 0.028, 0.006)),
            (203, 0.09, (0, 0.030, 0.012)), (55, 0.10, (-0.012, -0.034, 0.008)), (145, 0.06, (0, 0.012, 0)),
            (101, 0.10, (0, 0.02, 0.012)), (87, 0.07, (0, 0.014, 0.003))],
    "AU10": [(39, 0.085, (0.004, 0.062, 0.012)), (37, 0.07, (0, 0.030, 0.008)),
            (40, 0.08, (0.004, 0.034, 0.004)), (203, 0.10, (0.006, 0.042, 0.016)),
            (129, 0.08, (0.008, 0.018, 0)), (101, 0.10, (0, 0.016, 0.01))],
    "AU12": [(61, 0.105, (0.058, 0.064, -0.050)), (206, 0.11, (0.014, 0.034, 0.014)),
            (50, 0.15, (0.012, 0.058, 0.032)), (40, 0.10, (0.020, 0.026, -0.016)),
            (37, 0.10, (0, 0.014, -0.014)), (0, 0.09, (0, 0.008, -0.014)), (87, 0.07, (0, 0.016, -0.017)),
            (88, 0.05, (0, 0.024, -0.008)), (91, 0.10, (0.024, 0.010, -0.016)),
            (129, 0.07, (0.016, 0.008, 0)), (145, 0.06, (0, 0.008, 0))],
    "AU14": [(61, 0.09, (0.055, 0.006, -0.05)), (216, 0.07, (0.02, 0.0, -0.012))],
    "AU15": [(61, 0.12, (0.044, -0.086, -0.012)), (43, 0.10, (0.014, -0.036, 0)),
            (91, 0.08, (0.008, -0.016, 0))],
    "AU16": [(84, 0.085, (0.0, -0.068, 0.012)), (181, 0.09, (0.014, -0.078, 0.008)),
            (91, 0.075, (0.014, -0.047, 0))],
    "AU17": [(200, 0.13, (0, 0.070, 0.028)), (199, 0.12, (0, 0.036, 0.016)), (17, 0.09, (0, 0.060, 0.032)),
            (91, 0.08, (0, 0.026, 0.008)), (0, 0.09, (0, 0.020, 0.008)), (39, 0.07, (0, 0.010, 0.006)),
            (61, 0.06, (0, -0.016, 0))],
    "AU18": [(61, 0.10, (-0.105, 0.0, 0.07)), (40, 0.08, (-0.035, 0.006, 0.05)),
            (91, 0.08, (-0.035, -0.006, 0.05)), (0, 0.09, (0, 0.010, 0.055)), (17, 0.09, (0, -0.008, 0.055)),
            (206, 0.10, (-0.02, 0, 0.01))],
    "AU20": [(61, 0.11, (0.084, -0.016, -0.05)), (91, 0.10, (0.028, -0.016, -0.02)),
            (40, 0.09, (0.022, -0.004, -0.018)), (202, 0.12, (0.026, -0.02, 0))],
    "AU22": [(37, 0.085, (0, 0.058, 0.078)), (39, 0.07, (-0.01, 0.042, 0.05)),
            (84, 0.085, (0, -0.066, 0.078)), (181, 0.07, (-0.01, -0.044, 0.05)),
            (61, 0.09, (-0.070, 0.0, 0.05))],
    "AU23": [(37, 0.07, (0, -0.018, -0.010)), (84, 0.07, (0, 0.022, -0.010)),
            (40, 0.06, (-0.004, -0.014, -0.008)), (91, 0.06, (-0.004, 0.016, -0.008)),
            (61, 0.07, (-0.028, 0, 0.006))],
    "AU24": [(37, 0.08, (0, -0.044, -0.026)), (84, 0.08, (0, 0.050, -0.026)), (40, 0.07, (0, -0.030, -0.020)),
            (91, 0.07, (0, 0.034, -0.020)), (200, 0.12, (0, 0.010, 0.006)), (61, 0.06, (-0.006, -0.008, 0))],
    "AU25": [(87, 0.07, (0, -0.030, 0)), (84, 0.08, (0, -0.024, 0)), (181, 0.07, (0, -0.016, 0)),
            (82, 0.06, (0, 0.018, 0))],
}  # fmt: skip


@cache
def jaw_weight() -> np.ndarray:
    """Return how far each mesh point hangs on the jaw, (468,), 0 to 1: only what lies below the lip line."""
    held: dict[int, np.ndarray | float] = {}
    for i in range(tm.MESH_POINTS):
        if tm.REST[i, 1] > -0.42:
            held[i] = 0.0
    for rows, weights in (
        (tm.LIP_ROWS_LOWER, (0.42, 0.62, 0.82, 0.94, 1.0, 1.0)),
        (tm.LIP_ROWS_UPPER, (0.42, 0.25, 0.08, 0.0, 0.0, 0.0)),
    ):
        for row in rows:
            for half in (row, tm.mirrored(row)):
                held |= dict(zip(half, weights, strict=True))
    jawline = (152, 148, 176, 149, 150, 136, 172, 18, 200, 199, 175)
    held |= dict.fromkeys(jawline + tm.mirrored(jawline), 1.0)
    return tm.spread(held)[:, 0]


@cache
def lid_field() -> np.ndarray:
    """Return the field (468, 3) that closes the picture's left eye: the upper lid meets the lower."""
    held: dict[int, np.ndarray | float] = {
        i: np.zeros(3) for i in range(tm.MESH_POINTS) if tm.REST[i, 0] > -0.1
    }
    held |= {i: np.zeros(3) for i in tm.LOWER_LID + tm.BROW_BOTTOM + tm.BROW_TOP}
    held |= {i: np.zeros(3) for i in range(tm.MESH_POINTS) if tm.REST[i, 1] < -0.05 or tm.REST[i, 1] > 0.2}
    for up, low in zip(tm.UPPER_LID[1:-1], tm.LOWER_LID[1:-1], strict=True):
        held[up] = 0.95 * (tm.REST[low] - tm.REST[up]) + [0, 0, 0.012]
    return tm.spread(held)


@cache
def fields() -> np.ndarray:
    """Return the linear part of all units, (U, 2, 468, 3): unit, side of the picture, point, xyz."""
    out = np.zeros((len(UNITS), 2, tm.MESH_POINTS, 3))
    distance, flip = tm.skin_distance(), tm.MIRROR[: tm.MESH_POINTS]
    for unit, bumps in BUMPS.items():
        for anchor, width, (outward, up, forward) in bumps:
            midline = abs(tm.REST[anchor, 0]) < 1e-6
            bump = np.exp(-0.5 * np.square(distance[anchor] / width))[:, None]  # (468, 1)
            out[INDEX[unit], 0] += bump * np.array([-outward, up, forward]) * (0.5 if midline else 1.0)
    out[INDEX["AU43"], 0] = lid_field()
    out[:, 1] = out[:, 0][:, flip] * [-1, 1, 1]
    return out


def deform(points: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Move a face by its action units.

    Parameters
    ----------
    points : (478, 3) float, a person's resting face in face units
    left, right : (U,) float in [0, 1], intensities on the two sides of the picture

    Returns
    -------
    (478, 3) float, in face units

    Examples
    --------
    >>> import numpy as np
    >>> rest = np.zeros(len(UNITS)); smile = rest.copy(); smile[INDEX["AU12"]] = 1
    >>> moved = deform(tm.REST, smile, smile)
    >>> bool(moved[61, 1] > tm.REST[61, 1])  # the lip corner rises
    True
    """
    moved = points.copy()
    moved[: tm.MESH_POINTS] += np.einsum("su,uspx->px", np.stack([left, right]), fields())
    degrees = sum(JAW_DEGREES[u] * (left[INDEX[u]] + right[INDEX[u]]) / 2 for u in JAW_DEGREES)
    angle = np.radians(min(degrees, 26.0)) * jaw_weight()[:, None]  # (468, 1)
    arm = moved[: tm.MESH_POINTS] - JAW_HINGE
    y, z = arm[:, 1:2], arm[:, 2:3]
    moved[: tm.MESH_POINTS, 1:2] += y * (np.cos(angle) - 1) - z * np.sin(angle)
    moved[: tm.MESH_POINTS, 2:3] += y * np.sin(angle) + z * (np.cos(angle) - 1)
    return moved
