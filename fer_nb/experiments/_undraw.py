"""The code out of a drawn face: what somebody can do who has the anonymizer itself, as everybody has.

The weights are published. So an attacker draws as many faces of each donor as she likes, with codes that she
chose, and learns the way from picture to code, a ridge regression for each donor. She names the donor of a
clip by its mean picture. No release of a victim is needed to learn, and no original.

Source: learned inversion of a generator (Perarnau et al. 2016, "Invertible conditional GANs for image
editing"), here in a linear form for each donor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import anonymize
from ..errors import BadInput

DRAWINGS = 400  # of each donor
HELD_OUT = 5  # every fifth drawing chooses the penalty
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2)  # of the ridge, in mean sizes of a drawing


@dataclass(frozen=True)
class Undraw:
    """The way from a drawn picture to its code, for each of D donors.

    Attributes
    ----------
    pictures : (D, P) float32, mean drawing of each donor, gray levels
    weights : (D, P, C) float32, from pixels to the code
    codes : (D, C) float32, the code of the mean drawing
    penalty : the ridge penalty that was chosen
    fit : share of the variance of codes that is found in drawings kept out, the mean over numbers of a code
    """

    pictures: np.ndarray
    weights: np.ndarray
    codes: np.ndarray
    penalty: float
    fit: float

    def donor(self, crops: np.ndarray) -> int:
        """Name the donor of a clip (T, 64, 64): whose mean drawing is nearest to the mean frame."""
        shown = crops[crops.any((1, 2))]
        if not len(shown):
            return 0
        return int(np.square(self.pictures - _flat(shown).mean(0)).sum(1).argmin())

    def read(self, crops: np.ndarray, donor: int) -> np.ndarray:
        """Return codes (T, C) float32 of frames (T, 64, 64) of a donor; zeros where a frame is black."""
        codes = (_flat(crops) - self.pictures[donor]) @ self.weights[donor] + self.codes[donor]
        return np.where(crops.any((1, 2))[:, None], codes, 0).astype(np.float32)


def learn(codes: np.ndarray, models: anonymize.Models, *, drawings: int = DRAWINGS, seed: int = 0,
          penalties: Sequence[float] = PENALTIES) -> Undraw:  # fmt: skip
    """Draw codes on each donor, and learn the way back.

    Parameters
    ----------
    codes : (N, C), codes of people whom the attacker owns; some are drawn on each donor
    models : the published anonymizer
    drawings : of each donor, five or more
    penalties : that are tried on every fifth drawing of all donors

    Raises
    ------
    BadInput
        If there are fewer codes than drawings.
    """
    if len(codes) < drawings or drawings < HELD_OUT:
        raise BadInput(f"undraw: {len(codes)} codes for {drawings} drawings: give as many codes, or more")
    rng, kept = np.random.default_rng(seed), np.arange(drawings) % HELD_OUT > 0
    errors, pairs = np.zeros(len(penalties)), []
    for donor in range(models.donors):
        asked = codes[rng.choice(len(codes), drawings, replace=False)].astype(np.float32)
        drawn = _flat(anonymize.draw(asked, donor, models))
        spread = np.maximum(asked.var(0), 1e-12)
        for k, penalty in enumerate(penalties):
            x, y, w = _ridge(drawn[kept], asked[kept], penalty)
            off = (drawn[~kept] - x) @ w + y - asked[~kept]
            errors[k] += float((np.square(off).mean(0) / spread).mean()) / models.donors
        pairs.append((drawn, asked))
    best = int(errors.argmin())
    found = [_ridge(drawn, asked, penalties[best]) for drawn, asked in pairs]
    pictures, targets, weights = (np.stack(part).astype(np.float32) for part in zip(*found, strict=True))
    return Undraw(pictures, weights, targets, penalties[best], 1 - float(errors[best]))


def _flat(crops: np.ndarray) -> np.ndarray:
    return crops.reshape(len(crops), -1).astype(np.float32)


def _ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean of x (P,), mean of y (C,) and weights (P, C), solved over the fewer rows of x."""
    mean, target = x.mean(0), y.mean(0)
    a, b = x - mean, y - target
    gram = (a @ a.T).astype(np.float64)
    gram[np.diag_indices_from(gram)] += penalty * max(float(np.trace(gram)) / len(gram), 1e-6)
    return mean, target, a.T @ np.linalg.solve(gram, b)
