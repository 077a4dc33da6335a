"""Who is it? Attackers that recognize people in released faces, and how well they do.

Two takes of a person are too little for a network to learn a face from, so an attacker looks for what stays:
edges, the shape of the face, and its fine pattern with light and movement taken out. It learns to see on
people of its own, whose originals and releases it has, and compares faces by linear discriminants.

Three ways to attack (Newton, Sweeney and Malin 2005, "Preserving privacy by de-identifying face images"):
*naive* learns people from originals and looks at releases, *reverse* learns from releases and looks at
originals, *parrot* learns from releases and looks at releases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np

from .errors import BadInput
from .evaluation import Interval
from .mime import template

WAYS = ("naive", "reverse", "parrot")
HIGH, WIDE = 57, 48  # texels of the unwrapped face: about one for each pixel of the crop
LIGHT = 2.0  # texels, spread of the blur that stands for light
FAINT = 0.003  # contrast (log of gray) below which a pattern is taken for noise
PARTS = {"edges": 300, "shape": 50, "pattern": 800}  # principal components before the discriminants
LADDER = {"edges": ("edges",), "shape": ("shape",), "pattern": ("pattern",), "mesh": ("shape", "pattern")}
_BINS = 512  # of similarities, for the bootstrap of the equal error rate

Features = Mapping[str, np.ndarray]


# ---------------------------------------------------------------- what is seen in a frame


def edges(crops: np.ndarray) -> np.ndarray:
    """Return directions and strengths of edges in crops (..., 64, 64) uint8, (..., 1764) float32.

    Source: Dalal and Triggs (2005), "Histograms of oriented gradients for human detection", CVPR.

    Examples
    --------
    >>> edges(np.zeros((2, 3, 64, 64), np.uint8)).shape
    (2, 3, 1764)
    """
    hog = cv2.HOGDescriptor((64, 64), (16, 16), (8, 8), (8, 8), 9)
    flat = np.ascontiguousarray(crops).reshape(-1, 64, 64)
    return np.stack([hog.compute(crop) for crop in flat]).reshape(*crops.shape[:-2], -1)


@cache
def texels() -> tuple[Any, np.ndarray]:
    """Return the face laid out on its resting mesh: a sparse matrix (N, 468) of points, and light.

    Light is a matrix (N, N): each row takes the mean of what lies around a texel.
    """
    from scipy.interpolate import LinearNDInterpolator
    from scipy.sparse import csr_array

    x, y = np.meshgrid(np.linspace(-0.72, 0.72, WIDE), np.linspace(0.55, -1.18, HIGH))
    weights = LinearNDInterpolator(template.REST[:468, :2], np.eye(468))(x.ravel(), y.ravel())
    seen = np.isfinite(weights).all(1)
    at = np.argwhere(np.ones((HIGH, WIDE)))[seen]  # (N, 2)
    near = np.exp(-np.square(at[:, None] - at[None]).sum(-1) / (2 * LIGHT**2))
    return csr_array(weights[seen].astype(np.float32)), (near / near.sum(1, keepdims=True)).astype(np.float32)


def unwrap(crops: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the grey of each texel (M, N) in crops (M, 64, 64) with landmarks (M, 478, 2) in pixels."""
    flat = points[:, :468].transpose(1, 0, 2).reshape(468, -1).astype(np.float32)  # (468, 2 M)
    places = (texels()[0] @ flat).reshape(-1, len(crops), 2).transpose(1, 0, 2)  # (M, N, 2)
    sides = np.ascontiguousarray(places[:, :, None])  # (M, N, 1, 2)
    return np.stack(
        [cv2.remap(c, p, None, cv2.INTER_LINEAR)[:, 0] for c, p in zip(crops, sides, strict=True)]
    )


def pattern(textures: np.ndarray) -> np.ndarray:
    """Return the fine pattern of unwrapped faces (M, N): light divided out, contrast made one everywhere."""
    logs, light = np.log(np.asarray(textures, np.float32) + 8), texels()[1].T
    fine = logs - logs @ light
    return (fine / np.sqrt(np.square(fine) @ light + FAINT**2)).clip(-4, 4)


@dataclass(frozen=True)
class Sight:
    """How an attacker sees releases of one method: it finds the mesh by a ridge regression on edges.

    `weights` (1765, 956) maps edges and a one to the 478 landmarks in pixels of the crop.
    """

    weights: np.ndarray

    def mesh(self, seen: np.ndarray) -> np.ndarray:
        """Return landmarks (..., 478, 2) of edges (..., 1764)."""
        return (seen @ self.weights[:-1] + self.weights[-1]).reshape(*seen.shape[:-1], 478, 2)

    def features(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        """Return what clips (N, F, 64, 64) show of a person, as means over their frames.

        Returns
        -------
        dict of `edges` (N, 1764), `shape` (N, 956) and `pattern` (N, texels)
        """
        seen = edges(crops)  # (N, F, 1764)
        mesh = self.mesh(seen)  # (N, F, 478, 2)
        faces = [unwrap(clip, points).mean(0) for clip, points in zip(crops, mesh, strict=True)]
        return {"edges": seen.mean(1), "shape": mesh.mean(1).reshape(len(crops), -1),
                "pattern": pattern(np.array(faces))}  # fmt: skip


def learn_sight(crops: np.ndarray, points: np.ndarray, *, strength: float = 10.0) -> Sight:
    """Learn where the mesh lies in released frames from people whose originals the attacker has.

    Parameters
    ----------
    crops : (M, 64, 64) uint8, released frames
    points : (M, 478, 2), landmarks of the originals in pixels of the crop; no NaN
    strength : of the ridge penalty

    Raises
    ------
    BadInput
        If frames and landmarks do not belong together.
    """
    if points.shape != (len(crops), 478, 2) or not np.isfinite(points).all():
        raise BadInput(f"sight: {len(crops)} crops, landmarks {points.shape}: give finite (M, 478, 2)")
    from sklearn.linear_model import Ridge

    model = Ridge(strength).fit(edges(crops), points.reshape(len(points), -1))
    return Sight(np.vstack([model.coef_.T, model.intercept_]).astype(np.float32))


# ---------------------------------------------------------------- who it is


class Discriminants:
    """Linear discriminants on principal components: people apart, sessions and expressions together.

    Components along which nothing varies are left out. Where nothing varies at all, as in a release that
    shows one picture for everyone, all people get the same score.
    """

    def __init__(self, features: np.ndarray, person: np.ndarray, *, parts: int, seed: int = 0) -> None:
        from sklearn.decomposition import PCA
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        parts = min(parts, *(s - 1 for s in features.shape))
        self.people = np.unique(person)
        self.components = PCA(parts, svd_solver="randomized", random_state=seed).fit(features)
        spread = self.components.explained_variance_
        self.kept = spread > max(1e-6 * spread[0], 1e-7 * float(np.square(features).mean()))
        if self.kept.any():
            model = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
            self.model = model.fit(self._codes(features), person)

    def _codes(self, features: np.ndarray) -> np.ndarray:
        return self.components.transform(features)[:, self.kept]

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return log-probabilities (N, P) over the people, in the order of `people`."""
        if not self.kept.any():
            return np.full((len(features), len(self.people)), -np.log(len(self.people)))
        return self.model.predict_log_proba(self._codes(features)).clip(-1e4)

    def embed(self, features: np.ndarray) -> np.ndarray:
        """Return directions (N, E) of length one, in which people differ; zeros where nothing varies."""
        if not self.kept.any():
            return np.zeros((len(features), 1))
        codes = self.model.transform(self._codes(features))
        return codes / np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-9)


@dataclass(frozen=True)
class Recognizer:
    """An attacker that knows people: one set of discriminants for each kind of feature."""

    of: Mapping[str, Discriminants]

    def scores(self, features: Features) -> dict[str, np.ndarray]:
        """Return for each rung of `LADDER` log-scores (N, P) over the people it learned."""
        alone = {name: self.of[name].scores(features[name]) for name in self.of}
        return {rung: sum(alone[name] for name in names) for rung, names in LADDER.items()}  # type: ignore[misc]

    def similarity(self, features: Features) -> dict[str, np.ndarray]:
        """Return for each rung how alike clips are, (N, N): the mean cosine, for people never met, too."""
        alone = {name: (e := self.of[name].embed(features[name])) @ e.T for name in self.of}
        return {rung: np.mean([alone[name] for name in names], 0) for rung, names in LADDER.items()}


def learn(features: Features, person: np.ndarray) -> Recognizer:
    """Learn people from features of their clips and who is seen in each (N,).

    Raises
    ------
    BadInput
        If there are fewer than two people.
    """
    if len(np.unique(person)) < 2:
        raise BadInput("identity: one person only: give clips of two people or more")
    return Recognizer({name: Discriminants(features[name], person, parts=k) for name, k in PARTS.items()})


def hits(scores: np.ndarray, people: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Return 1.0 where the person (N,) has the best score (N, P) among `people` (P,), else 0.0.

    Examples
    --------
    >>> hits(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([7, 9]), np.array([9, 9])).tolist()
    [1.0, 0.0]
    """
    return (people[scores.argmax(1)] == person).astype(float)


def linked(scores: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Add up the scores (N, P) of all clips of a person: returns (people, P) and who they are.

    Examples
    --------
    >>> linked(np.array([[1.0, 0.0], [1.0, 3.0]]), np.array([4, 4]))[0].tolist()
    [[2.0, 3.0]]
    """
    people = np.unique(person)
    return np.stack([scores[person == p].sum(0) for p in people]), people


# ---------------------------------------------------------------- are these two the same person


def equal_error(same: np.ndarray, other: np.ndarray) -> float:
    """Return the error where as many pairs of one person are refused as pairs of two are accepted.

    Parameters
    ----------
    same, other : (B,) counts of pairs in bins of rising similarity

    Examples
    --------
    >>> equal_error(np.array([0, 0, 2]), np.array([2, 0, 0])), equal_error(np.ones(100), np.ones(100))
    (0.0, 0.5)
    """
    refused = np.concatenate([[0], np.cumsum(same) / max(same.sum(), 1)])
    accepted = 1 - np.concatenate([[0], np.cumsum(other) / max(other.sum(), 1)])
    at = int(np.argmin(np.abs(refused - accepted)))
    return float((refused[at] + accepted[at]) / 2)


def verification(
    similarity: np.ndarray, person: np.ndarray, session: np.ndarray, *, resamples: int = 300, seed: int = 0
) -> Interval:
    """Return the equal error rate over all pairs of clips of different sessions, with its interval.

    People are drawn anew for the interval, and with them all their pairs.

    Parameters
    ----------
    similarity : (N, N)
    person, session : (N,)

    Raises
    ------
    BadInput
        If there is no pair of one person, or none of two.
    """
    people, who = np.unique(person, return_inverse=True)
    a, b = np.nonzero(np.triu(session[:, None] != session[None], 1))
    if not (who[a] == who[b]).any() or (who[a] == who[b]).all():
        raise BadInput("verification: no pairs: give clips of two people in two sessions")
    alike = similarity[a, b]
    cuts = np.unique(np.quantile(alike, np.linspace(0, 1, _BINS + 1)[1:-1]))
    counts = np.zeros((len(people), len(people), len(cuts) + 1))
    np.add.at(counts, (who[a], who[b], np.searchsorted(cuts, alike)), 1)
    own = counts[np.arange(len(people)), np.arange(len(people))].copy()  # (P, B)
    counts[np.arange(len(people)), np.arange(len(people))] = 0

    def error(times: np.ndarray) -> float:
        return equal_error(times @ own, np.einsum("p,q,pqb->b", times, times, counts, optimize=True))

    rng, even = np.random.default_rng(seed), np.full(len(people), 1 / len(people))
    drawn = [error(rng.multinomial(len(people), even).astype(float)) for _ in range(resamples)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(error(np.ones(len(people))), float(low), float(high))
