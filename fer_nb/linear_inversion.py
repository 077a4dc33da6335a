"""The way back: an attacker who computes pictures from their releases, by one matrix, before looking at them.

She puts pictures of her own people through the method herself, and so has pairs of release and original. A
ridge regression on these pairs gives each original pixel from all released ones. Whatever a method does to
every picture in the same linear way, such as moving pixels, inverting or blurring them, is undone as far as
rounding permits. From other methods she gets the best linear guess.

Source: the attack by learned inversion of a release, in its linear form (Hoerl and Kennard 1970, "Ridge
regression"; pictures of one person are left out by the formula of Allen 1974 for predicted residuals).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .errors import BadInput

PENALTIES = (3e-4, 3e-3, 3e-2, 3e-1)  # of the ridge, in mean variances of a pixel; less needs float64
HELD_OUT = 5  # every fifth of her people chooses the penalty
SPARSE = 37  # for that choice, every 37th pixel is computed back


@dataclass(frozen=True)
class WayBack:
    """A linear map from released pictures of P pixels to originals.

    Attributes
    ----------
    weights : (P, P) float32, from released to original pixels
    released, original : (P,) float32, mean pictures, gray levels
    penalty : the ridge penalty that was chosen, one of those tried
    """

    weights: np.ndarray
    released: np.ndarray
    original: np.ndarray
    penalty: float

    def pictures(self, crops: np.ndarray) -> np.ndarray:
        """Compute originals (..., S, S) uint8 back from releases (..., S, S) uint8."""
        flat = _flat(crops) - self.released
        return _rounded(flat @ self.weights + self.original, crops.shape)


def learn_way_back(
    released: np.ndarray, original: np.ndarray, person: np.ndarray, *,
    penalties: Sequence[float] = PENALTIES,
) -> tuple[WayBack, np.ndarray]:  # fmt: skip
    """Learn to compute originals from releases, on pairs of pictures of the attacker's own people.

    Parameters
    ----------
    released, original : (M, S, S) uint8, pairs of pictures
    person : (M,) int, who is seen
    penalties : that are tried on a fifth of the people, after learning on the others

    Returns
    -------
    tuple of the way back, learned from all pairs, and the own pictures (M, S, S) uint8 computed back, those
    of each person by the map that all *others* give. So they are as good, or as poor, as those of strangers.

    Raises
    ------
    BadInput
        If pictures do not belong together, or are of fewer than two people.

    Examples
    --------
    >>> pictures = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    >>> back, own = learn_way_back(255 - pictures[:, ::-1], pictures, np.arange(60) // 6)
    >>> int(np.abs(own.astype(int) - pictures).max()) <= 1
    True
    """
    if released.shape != original.shape or released.ndim != 3 or len(person) != len(released):
        raise BadInput(
            f"way back: releases {released.shape}, originals {original.shape}, {len(person)} names: "
            "give (M, S, S) twice and (M,)"
        )
    if len(np.unique(person)) < 2:
        raise BadInput("way back: one person only: give pairs of two people or more")
    x, y = _flat(released), _flat(original)
    penalty = _chosen(x, y[:, ::SPARSE], person, penalties)
    means = x.mean(0), y.mean(0)
    x, y = x - means[0], y - means[1]
    lower = _root(x.T @ x, penalty)
    weights = _solved(lower, x.T @ y)  # (P, P)
    own = y + means[1] - _left_out(x, y - x @ weights, lower, person)
    return WayBack(weights, *means, penalty), _rounded(own, released.shape)


def _flat(crops: np.ndarray) -> np.ndarray:
    return crops.reshape(-1, crops.shape[-1] * crops.shape[-2]).astype(np.float32)


def _rounded(flat: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.rint(flat.clip(0, 255)).astype(np.uint8).reshape(shape)


def _root(gram: np.ndarray, penalty: float) -> np.ndarray:
    """Return the lower Cholesky factor (P, P) of a Gram matrix with a penalty on its diagonal.

    Releases of a few pictures, over and over, leave most directions at the rounding of single precision. A
    penalty below that is none, so it is raised until the factor exists.
    """
    from scipy.linalg import LinAlgError, cholesky

    strength = penalty * max(float(np.trace(gram)) / len(gram), 1.0)  # a release may not vary at all
    while True:
        stronger = gram.copy()
        stronger[np.diag_indices_from(gram)] += strength
        try:
            return np.asarray(cholesky(stronger, lower=True, overwrite_a=True))
        except LinAlgError:
            strength *= 10


def _solved(lower: np.ndarray, right: np.ndarray) -> np.ndarray:
    from scipy.linalg import cho_solve

    return np.asarray(cho_solve((lower, True), right))


def _chosen(x: np.ndarray, y: np.ndarray, person: np.ndarray, penalties: Sequence[float]) -> float:
    """Return the penalty with the least squared error on every fifth person, learned from the others."""
    held = np.isin(person, np.unique(person)[:: min(HELD_OUT, len(np.unique(person)))])
    means = x[~held].mean(0), y[~held].mean(0)
    known, new = x[~held] - means[0], x[held] - means[0]
    gram, right = known.T @ known, known.T @ (y[~held] - means[1])

    def error(penalty: float) -> float:
        guess = new @ _solved(_root(gram, penalty), right) + means[1]
        return float(np.square(guess - y[held]).mean())

    return min(penalties, key=error)


def _left_out(x: np.ndarray, residual: np.ndarray, lower: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Return the residuals (M, P) that each picture would have if its person had not been learned from."""
    from scipy.linalg import solve_triangular

    half = solve_triangular(lower, x.T, lower=True)  # (P, M): the hat matrix is half.T @ half, and 1 / M
    out = np.empty_like(residual)
    for one in np.unique(person):
        rows = np.flatnonzero(person == one)
        part = half[:, rows].astype(float)
        hat = part.T @ part + 1 / len(x)
        out[rows] = np.linalg.solve((1 + 1e-6) * np.eye(len(rows)) - hat, residual[rows])
    return out
