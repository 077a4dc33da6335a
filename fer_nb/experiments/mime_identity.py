"""Who is it? Recognizing Mime people from pictures across sessions, and from motion alone.

Trained on two sessions of 100 people, tested on the third. A session changes light, camera, pose, hair
style, background and clothes, so only the person is left to be recognized.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import nn

from .. import mime, results
from .._parallel import bar
from ..clips import Clip
from ..crops import crop_face
from ..evaluation import bootstrap
from ..labels import LABELS, index
from ..landmarks import FaceTracker

RECORDS = ("mime.identity_top1", "mime.identity_top1.oval", "mime.style_identity_top1")
PEOPLE, FRAMES, SIZE = 100, 4, 64
PROBES = "sessions 1 and 2 to session 3, one probe a clip, chance 0.01"


def full_crop(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return an upright color crop (64, 64, 3) uint8 with hair and backdrop, twice the width of the face."""
    across = points[263, :2] - points[33, :2]
    angle, span = np.degrees(np.arctan2(across[1], across[0])), max(float(np.linalg.norm(across)), 1.0)
    middle = (points[33, :2] + points[263, :2]) / 2
    turn = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), angle, SIZE / (2.6 * span))
    turn[:, 2] += np.array([SIZE / 2, SIZE * 0.42]) - middle
    return cv2.warpAffine(image, turn, (SIZE, SIZE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)


def look_at(clips: list[Clip]) -> dict[str, np.ndarray]:
    """Return for a few frames of each clip: full crop, oval crop, face shape, row of the clip."""
    out: dict[str, list] = {"full": [], "oval": [], "shape": [], "clip": []}  # type: ignore[type-arg]
    with FaceTracker.static() as tracker, bar("looking at people", len(clips)) as step:
        for row, clip in enumerate(clips):
            step()
            for t in np.linspace(0, len(clip) - 1, FRAMES).astype(int):
                image = clip.frames[t]
                points = tracker(image)
                if np.isnan(points[0, 0]):
                    continue
                out["full"].append(full_crop(image, points))
                out["oval"].append(crop_face(image, points))
                out["shape"].append(points[:468])
                out["clip"].append(row)
    return {name: np.array(values) for name, values in out.items()}


def upright_shapes(points: np.ndarray) -> np.ndarray:
    """Return shapes (N, 468 * 3) with position, size and rotation removed (Procrustes to the first)."""
    centered = points - points.mean(1, keepdims=True)
    centered /= np.sqrt(np.square(centered).sum((1, 2), keepdims=True))
    return np.array(
        [Rotation.align_vectors(centered[0], shape)[0].apply(shape).ravel() for shape in centered]
    )


def by_shape(shapes: np.ndarray, person: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return log-probabilities (N, PEOPLE) by linear discriminants on the face shape."""
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    codes = PCA(60, random_state=0).fit(shapes[train]).transform(shapes)
    return (
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        .fit(codes[train], person[train])
        .predict_log_proba(codes)
    )


def network(channels: int) -> nn.Sequential:
    """Return a small convolutional network from (B, channels, 64, 64) to PEOPLE logits."""
    layers: list[nn.Module] = []
    for wide in (24, 48, 96, 160):
        layers += [nn.Conv2d(channels, wide, 3, padding=1), nn.GroupNorm(8, wide), nn.ReLU(), nn.MaxPool2d(2)]
        channels = wide
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(4 * channels, PEOPLE)
    )


def by_picture(
    crops: np.ndarray, person: np.ndarray, train: np.ndarray, *, epochs: int = 14, seed: int = 0
) -> np.ndarray:
    """Return log-probabilities (N, PEOPLE) by a network trained on the crops of the training sessions."""
    torch.manual_seed(seed)
    x = torch.from_numpy(crops.astype(np.float32) / 255)
    x = x.permute(0, 3, 1, 2) if x.ndim == 4 else x[:, None]  # (N, C, 64, 64)
    level = x.mean((2, 3), keepdim=True)  # (N, C, 1, 1)
    x = (x - level) / (x.std((1, 2, 3), keepdim=True) + 0.05) + 2 * (level - 0.4)
    y, rows = torch.from_numpy(person), torch.from_numpy(np.flatnonzero(train))
    model = network(x.shape[1])
    steps = epochs * (len(rows) // 64)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    with bar("learning who is who", steps) as advance:
        for _ in range(steps):
            pick = rows[torch.randint(len(rows), (64,))]
            loss = nn.functional.cross_entropy(model(_vary(x[pick])), y[pick], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            advance()
    with torch.no_grad():
        model.eval()
        return torch.cat([model(part).log_softmax(1) for part in x.split(256)]).numpy()


def _vary(batch: torch.Tensor) -> torch.Tensor:
    """Return the batch shifted, lit and tinted at random, with a patch blanked out."""
    dx, dy = torch.randint(-3, 4, (2,)).tolist()
    batch = torch.roll(batch, (dy, dx), (2, 3))
    b, c = batch.shape[:2]
    batch = batch * (1 + 0.25 * torch.randn(b, c, 1, 1)) + 0.25 * torch.randn(b, c, 1, 1)
    ramp = torch.linspace(-1, 1, SIZE)
    batch = batch + 0.4 * torch.randn(b, 1, 1, 1) * ramp + 0.3 * torch.randn(b, 1, 1, 1) * ramp[:, None]
    y0, x0 = torch.randint(0, 44, (2,)).tolist()
    batch[:, :, y0 : y0 + 20, x0 : x0 + 20] = 0
    return batch


def per_clip(scores: np.ndarray, clip: np.ndarray, count: int) -> np.ndarray:
    """Return the mean score of each clip's frames.

    Parameters
    ----------
    scores : (N, P) one row a frame
    clip : (N,) int, the clip of each frame
    count : number of clips

    Returns
    -------
    (count, P) float; NaN rows for clips without a frame

    Examples
    --------
    >>> per_clip(np.array([[0.0, 2.0], [4.0, 0.0], [1.0, 1.0]]), np.array([0, 0, 1]), 2)
    array([[2., 1.], [1., 1.]])
    """
    total, seen = np.zeros((count, scores.shape[1])), np.zeros(count)
    np.add.at(total, clip, scores)
    np.add.at(seen, clip, 1)
    return total / np.where(seen, seen, np.nan)[:, None]


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
    """Fill `mime.identity_top1` (full crop) and `.oval` (grey face oval only)."""
    clips = mime.block("fit", people=PEOPLE, sessions=(0, 1, 2))
    views = look_at(clips)
    person, session, row = conditions(clips, "person"), conditions(clips, "session"), views["clip"]
    train, probe = session[row] < 2, session == 2
    shape = by_shape(upright_shapes(views["shape"]), person[row], train)
    for view, suffix, goal in (("full", "", {"direction": "up", "target": 0.95}), ("oval", ".oval", {})):
        picture = by_picture(views[view], person[row], train)
        both, pixels, alone = (
            hits(per_clip(scores, row, len(clips)), person)[probe]
            for scores in (picture + 0.5 * shape, picture, shape)
        )
        parts = f"pixels alone {pixels.mean():.3f}, shape alone {alone.mean():.3f}"
        seeds = {"seeds": (0,), "per_seed": (float(both.mean()),)}
        put(
            f"mime.identity_top1{suffix}",
            both,
            person[probe],
            note=f"{PROBES}, {FRAMES} frames each; {parts}",
            **seeds,
            **goal,
        )


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
