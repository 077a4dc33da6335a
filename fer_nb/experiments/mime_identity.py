"""Who is it? Recognizing Mime people from pictures across sessions, and from motion alone.

Trained on two sessions of 100 people, tested on the third. A session changes light, camera, pose, hair
style, background and clothes, so only the person is left to be recognized. The recognizer unwraps the face
onto the plane of the mesh, divides out the light, and compares fine pattern, color and shape by linear
discriminants: with two takes of a person, a network has too little to learn from.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from .. import mime, results
from .._parallel import bar
from ..clips import Clip
from ..evaluation import bootstrap
from ..labels import LABELS, index
from ..landmarks import FaceTracker
from ..mime import template

RECORDS = ("mime.identity_top1", "mime.identity_top1.oval", "mime.style_identity_top1")
PEOPLE, FRAMES = 100, 4
HIGH, WIDE = 76, 64  # texels of the unwrapped face
PROBES = "sessions 1 and 2 to session 3, one probe a clip, chance 0.01"


@cache
def texture_grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the texels of the face lie: corners (N, 3), weights (N, 3) in them, mask (HIGH, WIDE)."""
    rest, corners = template.REST[:468, :2], template.TRIANGLES
    x, y = np.meshgrid(np.linspace(-0.72, 0.72, WIDE), np.linspace(0.55, -1.18, HIGH))
    texels = np.stack([x.ravel(), y.ravel()], 1)  # (HIGH * WIDE, 2)
    which, weights = np.full(len(texels), -1), np.zeros((len(texels), 3))
    for k, (a, b, c) in enumerate(rest[corners]):
        solved = np.linalg.solve(np.stack([b - a, c - a], 1) + 1e-12 * np.eye(2), (texels - a).T).T  # (N, 2)
        share = np.column_stack([1 - solved.sum(1), solved])
        inside = (share >= -1e-9).all(1) & (which < 0)
        which[inside], weights[inside] = k, share[inside]
    seen = which >= 0
    return corners[which[seen]], weights[seen], seen.reshape(HIGH, WIDE)


def unwrap(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the face of an image on the plane of the mesh, (HIGH, WIDE, 3) float32; 0 off the mesh.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB
    points : (478, 3), landmarks in pixels
    """
    corners, weights, seen = texture_grid()
    places = np.einsum("nk,nkd->nd", weights, points[corners, :2]).astype(np.float32)  # (N, 2)
    picked = cv2.remap(image, places[:, None, 0], places[:, None, 1], cv2.INTER_LINEAR)[:, 0]
    out = np.zeros((HIGH, WIDE, 3), np.float32)
    out[seen] = picked
    return out


def look_at(clips: list[Clip]) -> dict[str, np.ndarray]:
    """Return for each clip (N), as means over a few frames, what is seen of the person.

    Returns
    -------
    dict
        `texture` (N, HIGH, WIDE, 3), `shape` (N, 468, 3) and `tint` (N, 12); where no face is found, zeros
        and the resting shape.
    """
    textures, shapes, tints = [], [], []
    with FaceTracker.static() as tracker, bar("looking at people", len(clips)) as step:
        for clip in clips:
            step()
            frames = [clip.frames[t] for t in np.linspace(0, len(clip) - 1, FRAMES).astype(int)]
            seen = [(frame, points) for frame in frames if not np.isnan((points := tracker(frame))[0, 0])]
            textures.append(np.mean([unwrap(*s) for s in seen], 0) if seen else np.zeros((HIGH, WIDE, 3)))
            shapes.append(np.mean([points[:468] for _, points in seen], 0) if seen else template.REST[:468])
            tints.append(np.mean([tint(*s) for s in seen], 0) if seen else np.zeros(12))
    return {"texture": np.array(textures, np.float32), "shape": np.array(shapes), "tint": np.array(tints)}


def tint(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return log colors (12,) of forehead, cheeks, lips and hair, relative to the cheeks' brightness."""
    up = points[10, :2] - points[152, :2]
    parts = ((9, 151), (50, 280), (0, 17), (10, 109, 338))
    spots = [points[list(part), :2] for part in parts]
    spots[3] = spots[3] + 0.22 * up
    size = max(3, int(0.03 * np.linalg.norm(up)))
    colors = []
    for places in spots:
        rows = [slice(max(0, int(y) - size), max(0, int(y) + size)) for _, y in places]
        columns = [slice(max(0, int(x) - size), max(0, int(x) + size)) for x, _ in places]
        boxes = [image[row, column] for row, column in zip(rows, columns, strict=True)]
        flat = [box.reshape(-1, 3).mean(0) for box in boxes if box.size]
        colors.append(np.log(np.mean(flat, 0) + 8) if flat else np.zeros(3))
    return np.concatenate(colors) - np.mean(colors[1])


def pattern(textures: np.ndarray) -> np.ndarray:
    """Return the fine pattern of unwrapped faces, (N, HIGH * WIDE * C): light is divided out."""
    seen = texture_grid()[2].astype(np.float32)
    weight = cv2.GaussianBlur(seen, (0, 0), 4) + 1e-3
    out = []
    for texture in np.log(textures + 8):
        light = (
            cv2.GaussianBlur(texture * seen[..., None], (0, 0), 4).reshape(texture.shape) / weight[..., None]
        )
        fine = (texture - light) * seen[..., None]
        out.append((fine / (fine.std() + 1e-6)).clip(-4, 4).ravel())
    return np.array(out)


def upright_shapes(points: np.ndarray) -> np.ndarray:
    """Return shapes (N, 468 * 3) with position, size and rotation removed (Procrustes to the first)."""
    centered = points - points.mean(1, keepdims=True)
    centered /= np.sqrt(np.square(centered).sum((1, 2), keepdims=True))
    return np.array(
        [Rotation.align_vectors(centered[0], shape)[0].apply(shape).ravel() for shape in centered]
    )


def discriminate(features: np.ndarray, person: np.ndarray, train: np.ndarray, parts: int) -> np.ndarray:
    """Return log-probabilities (N, PEOPLE) by linear discriminants on `parts` principal components.

    Parameters
    ----------
    features : (N, D)
    person : (N,) int
    train : (N,) bool
    """
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    codes = PCA(parts, random_state=0).fit(features[train]).transform(features)
    return (
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        .fit(codes[train], person[train])
        .predict_log_proba(codes)
    )


def hits(scores: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Return 1.0 where the best score (N, P) is the person's (N,), else 0.0; a NaN row is a miss.

    Examples
    --------
    >>> hits(np.array([[0.1, 0.9], [0.8, 0.2], [np.nan, np.nan]]), np.array([1, 1, 0]))
    array([1., 0., 0.])
    """
    seen = np.isfinite(scores).all(1)
    return (seen & (np.where(seen[:, None], scores, 0).argmax(1) == person)).astype(float)


def conditions(clips: list[Clip], name: str) -> np.ndarray:
    """Return one true condition of each clip, (N,) int."""
    return np.array([int((clip.conditions or {})[name]) for clip in clips])


def put(id: str, right: np.ndarray, person: np.ndarray, **fields: Any) -> None:
    """Write the share of probes that are right (N,), with its interval over people."""
    share = bootstrap(lambda rows: float(right[rows].mean()), [str(p) for p in person])
    common = {"dataset": "Mime", "data_version": mime.VERSION, "split": "fit", "unit": "share of clips"}
    results.write(
        results.record(
            id, share.value, low=share.low, high=share.high, n=len(right),
            command=f"fer-nb results make {id}", **common, **fields,
        )
    )  # fmt: skip


def pictures() -> None:
    """Fill `mime.identity_top1` (color, hair included) and `.oval` (the grey face oval only)."""
    clips = mime.block("fit", people=PEOPLE, sessions=(0, 1, 2))
    views = look_at(clips)
    person, session = conditions(clips, "person"), conditions(clips, "session")
    train, probe = session < 2, session == 2
    shape = discriminate(upright_shapes(views["shape"]), person, train, 60)
    grey = discriminate(pattern(views["texture"].mean(-1, keepdims=True)), person, train, 300)
    color = discriminate(pattern(views["texture"]), person, train, 300)
    tint = discriminate(views["tint"], person, train, views["tint"].shape[1])
    goal = {"direction": "up", "target": 0.95}
    for suffix, scores, fields in (("", grey + color + shape + tint, goal), (".oval", grey + shape, {})):
        right = hits(scores, person)[probe]
        apart = [hits(alone, person)[probe].mean() for alone in (grey, shape)]
        note = f"{PROBES}, {FRAMES} frames each; pattern alone {apart[0]:.3f}, shape alone {apart[1]:.3f}"
        put(f"mime.identity_top1{suffix}", right, person[probe], note=note, **fields)


def motion_features(clip: Clip) -> np.ndarray:
    """Return what a clip's unit courses (T, U) tell of a person's style, (3 U,).

    Quiet level, peak and greatest speed of each unit; the speed in tenths of the range a second.
    """
    units = clip.units
    assert units is not None
    quiet, peak = np.quantile(units, 0.1, axis=0), np.quantile(units, 0.95, axis=0)
    speed = np.abs(np.diff(units, axis=0)).max(0) * clip.fps
    return np.concatenate([quiet, peak, 0.1 * speed])


def motion() -> None:
    """Fill `mime.style_identity_top1`: identity from the true action-unit courses alone."""
    from sklearn.ensemble import RandomForestClassifier

    clips = mime.block("fit", people=PEOPLE, sessions=(0, 1, 2))
    person, train = conditions(clips, "person"), conditions(clips, "session") < 2
    label = np.eye(len(LABELS))[[index(clip.label or "neutral") for clip in clips]]  # (N, 7)
    features = np.concatenate([np.array([motion_features(clip) for clip in clips]), label], axis=1)
    right, seeds = [], (0, 1, 2)
    for seed in seeds:
        forest = RandomForestClassifier(400, max_features="sqrt", n_jobs=-1, random_state=seed)
        said = forest.fit(features[train], person[train]).predict(features[~train])
        right.append((said == person[~train]).astype(float))
    put("mime.style_identity_top1", np.mean(right, axis=0), person[~train], seeds=seeds,
        per_seed=tuple(float(r.mean()) for r in right), target=(0.05, 0.40),
        note=f"true action-unit courses only, {PROBES}")  # fmt: skip


def run() -> None:
    """Fill the records of this module."""
    pictures()
    motion()


if __name__ == "__main__":
    run()
