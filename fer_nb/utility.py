"""What is left to read in a released face: how strong each muscle moves, when, and which expression it is.

Whoever receives released faces learns to read them: every reader here is trained anew on releases of
people whose originals are known, and scored on others. A label is not enough. Two smiles have the same
label, and a method that keeps only labels gives both the same picture; so units are compared *within* a
class, where the label says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .anonymize_scores import TWELVE
from .errors import BadInput
from .evaluation import Interval
from .identity import edges
from .mime.units import UNITS

TOP = 0.95  # share of the greatest movement that counts as apex
_LIDS = UNITS.index("AU43")  # a blink is no apex
_PARTS = 300


@dataclass(frozen=True)
class Reader:
    """What a recipient trained on releases: reads action units and the class of a frame from its edges."""

    units: Any
    label: Any

    def read_units(self, seen: np.ndarray) -> np.ndarray:
        """Return the strength (..., 22) of each unit in edges (..., 1764)."""
        return self.units.predict(seen.reshape(-1, seen.shape[-1])).reshape(*seen.shape[:-1], len(UNITS))

    def read_label(self, seen: np.ndarray) -> np.ndarray:
        """Return the class (N,) int of edges (N, 1764)."""
        return self.label.predict(seen)


def learn_reader(
    crops: np.ndarray, units: np.ndarray, label: np.ndarray, *, strength: float = 10.0, seed: int = 0
) -> Reader:
    """Train a reader on released frames.

    Parameters
    ----------
    crops : (N, F, 64, 64) uint8, frames of clips; the first is the apex, from which the class is learned
    units : (N, F, 22), their true action units
    label : (N,) int
    strength : of the ridge penalty
    seed : int

    Raises
    ------
    BadInput
        If crops and units do not belong together.
    """
    if units.shape != (*crops.shape[:2], len(UNITS)) or len(label) != len(crops):
        raise BadInput(
            f"reader: crops {crops.shape}, units {units.shape}: give (N, F, 64, 64) and (N, F, 22)"
        )
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    seen = edges(crops)  # (N, F, 1764)
    flat = seen.reshape(-1, seen.shape[-1])
    parts = min(_PARTS, len(label) - 1)
    classes = make_pipeline(
        PCA(parts, svd_solver="randomized", random_state=seed),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    )
    return Reader(
        units=Ridge(strength).fit(flat, units.reshape(len(flat), -1)), label=classes.fit(seen[:, 0], label)
    )


def within_class(read: np.ndarray, truth: np.ndarray, label: np.ndarray) -> float:
    """Return the mean over the twelve units of the correlation of read and true strength within classes.

    Class means are taken out of both. A unit that is read as the same value everywhere counts 0.
    Neutral clips are left out: nothing moves there.

    Parameters
    ----------
    read, truth : (N, 22)
    label : (N,) int

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth, label = rng.random((40, 22)), np.repeat([1, 2], 20)
    >>> round(within_class(truth, truth, label), 3), within_class(label[:, None] + 0 * truth, truth, label)
    (1.0, 0.0)
    """
    moving = label != 0
    columns = [UNITS.index(name) for name in TWELVE]
    a, b = read[moving][:, columns].astype(float), truth[moving][:, columns].astype(float)
    for c in np.unique(label[moving]):
        rows = label[moving] == c
        a[rows] -= a[rows].mean(0)
        b[rows] -= b[rows].mean(0)
    size = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    return float(np.where(size > 1e-9, (a * b).sum(0) / np.maximum(size, 1e-9), 0.0).mean())


def ratio(
    released: np.ndarray, original: np.ndarray, truth: np.ndarray, label: np.ndarray, person: np.ndarray,
    *, resamples: int = 300, seed: int = 0,
) -> Interval:  # fmt: skip
    """Return the fidelity of action units: `within_class` on releases over that on originals.

    Parameters
    ----------
    released, original : (N, 22) units as read by a reader of each
    truth : (N, 22)
    label, person : (N,); people are drawn anew for the interval
    """
    return over_people(
        lambda rows: within_class(released[rows], truth[rows], label[rows])
        / within_class(original[rows], truth[rows], label[rows]),
        person, resamples=resamples, seed=seed,
    )  # fmt: skip


def over_people(
    statistic: Callable[[np.ndarray], float], person: np.ndarray, *, resamples: int = 300, seed: int = 0
) -> Interval:
    """Return a statistic of row numbers with its interval over people (N,), as `evaluation.bootstrap`."""
    from .evaluation import bootstrap

    return bootstrap(statistic, [str(p) for p in person], resamples=resamples, seed=seed)


def movement(units: np.ndarray) -> np.ndarray:
    """Return how strong a face moves in each frame, (T,): the size of its units (T, 22) without the lids.

    Examples
    --------
    >>> movement(np.zeros((3, 22))).tolist()
    [0.0, 0.0, 0.0]
    """
    return np.sqrt(np.square(np.delete(units, _LIDS, axis=1)).sum(1))


def timing_error(read: np.ndarray, truth: np.ndarray) -> float:
    """Return how many frames the strongest frame that is read lies from the nearest true apex frame.

    Parameters
    ----------
    read, truth : (T, 22), units of one clip; all frames within 5 % of the true peak count as apex

    Examples
    --------
    >>> rise = np.linspace(0, 1, 6)[:, None] * np.ones((1, 22))
    >>> timing_error(rise, rise), timing_error(rise[::-1], rise)
    (0.0, 5.0)
    """
    size = movement(truth)
    apex = np.flatnonzero(size >= TOP * size.max())
    return float(np.abs(apex - int(movement(read).argmax())).min())
