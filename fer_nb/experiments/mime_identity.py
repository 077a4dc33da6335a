"""Who is it? Recognizing Mime people from pictures across sessions, and from motion alone.

Trained on two sessions of 100 people, tested on the third. A session changes light, camera, pose, hair
style, background and clothes, so only the person is left to be recognized.
"""

from __future__ import annotations

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
from ..landmarks import FaceTracker

RECORDS = ("mime.identity_top1", "mime.identity_top1.oval", "mime.style_identity_top1")
PEOPLE, FRAMES, SIZE = 100, 4, 64


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
    x = (x - x.mean((2, 3), keepdim=True)) / (x.std((1, 2, 3), keepdim=True) + 0.05) + 2 * (
        x.mean((2, 3), keepdim=True) - 0.4
    )
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
    """Return the mean score of each clip's frames, (count, PEOPLE); zero rows where no face was found."""
    total, seen = np.zeros((count, scores.shape[1])), np.zeros(count)
    np.add.at(total, clip, scores)
    np.add.at(seen, clip, 1)
    return total / np.maximum(seen, 1)[:, None]


def pictures() -> None:
    """Fill `mime.identity_top1` (full crop) and `.oval` (grey face oval only)."""
    clips = mime.block("fit", people=PEOPLE, sessions=(0, 1, 2))
    views = look_at(clips)
    person = np.array([c.conditions["person"] for c in clips])  # type: ignore[index]
    session = np.array([c.conditions["session"] for c in clips])  # type: ignore[index]
    row = views["clip"]
    train = session[row] < 2
    shape = by_shape(upright_shapes(views["shape"]), person[row], train)
    probe = session == 2
    for view, suffix, target in (("full", "", 0.95), ("oval", ".oval", None)):
        picture = by_picture(views[view], person[row], train)
        alone = [
            float((per_clip(s, row, len(clips)).argmax(1) == person)[probe].mean()) for s in (picture, shape)
        ]
        right = (per_clip(picture + 0.5 * shape, row, len(clips)).argmax(1) == person)[probe].astype(float)
        interval = bootstrap(
            lambda rows, right=right: float(right[rows].mean()), [str(p) for p in person[probe]]
        )
        note = f"sessions 1 and 2 to session 3, one probe a clip, {FRAMES} frames each, chance 0.01; pixels alone {alone[0]:.3f}, shape alone {alone[1]:.3f}"
        results.write(results.record(f"mime.identity_top1{suffix}", interval.value, unit="share of clips", low=interval.low, high=interval.high,
                                     n=int(probe.sum()), seeds=(0,), per_seed=(interval.value,), dataset="Mime", data_version=mime.VERSION, split="fit",
                                     note=note, **({"direction": "up", "target": target} if target else {})))  # fmt: skip


def motion_features(clip: Clip) -> np.ndarray:
    """Return what a clip's unit courses tell of a person's style: quiet level, peak and span of each unit."""
    units = clip.units
    assert units is not None
    quiet, peak = np.quantile(units, 0.1, axis=0), np.quantile(units, 0.95, axis=0)
    speed = np.abs(np.diff(units, axis=0)).max(0) * clip.fps
    return np.concatenate([quiet, peak, 0.1 * speed])


def motion() -> None:
    """Fill `mime.style_identity_top1`: identity from the true action-unit courses alone."""
    from sklearn.ensemble import RandomForestClassifier

    clips = mime.block("fit", people=PEOPLE, sessions=(0, 1, 2))
    person = np.array([c.conditions["person"] for c in clips])  # type: ignore[index]
    session = np.array([c.conditions["session"] for c in clips])  # type: ignore[index]
    features = np.array([motion_features(c) for c in clips])
    label = np.array([hash_free(c.label) for c in clips])
    features = np.concatenate([features, label], axis=1)
    train = session < 2
    scores, seeds = [], (0, 1, 2)
    for seed in seeds:
        forest = RandomForestClassifier(400, max_features="sqrt", n_jobs=-1, random_state=seed).fit(
            features[train], person[train]
        )
        scores.append((forest.predict(features[~train]) == person[~train]).astype(float))
    right = np.mean(scores, axis=0)
    interval = bootstrap(lambda rows: float(right[rows].mean()), [str(p) for p in person[~train]])
    results.write(results.record("mime.style_identity_top1", interval.value, unit="share of clips", low=interval.low, high=interval.high,
                                 n=int((~train).sum()), seeds=seeds, per_seed=tuple(float(s.mean()) for s in scores), target=(0.05, 0.40),
                                 dataset="Mime", data_version=mime.VERSION, split="fit",
                                 note="true action-unit courses only, sessions 1 and 2 to session 3, one probe a clip, chance 0.01"))  # fmt: skip


def hash_free(label: str | None) -> np.ndarray:
    """Return the label as a one-hot row (7,)."""
    from ..labels import LABELS, index

    return np.eye(len(LABELS))[index(label or "neutral")]


def run() -> None:
    """Fill the records of this module."""
    pictures()
    motion()


if __name__ == "__main__":
    run()
