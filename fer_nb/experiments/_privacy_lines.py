"""What lines give away to somebody who reads them without an error: the landmarks that are drawn, no picture.

It is for lines what the code is for the anonymizer: all that passes. Her own people say which 24 numbers, as
many as a code has, tell most of how the drawn landmarks of a frame lie. The same questions are asked of them.
"""

from __future__ import annotations

import functools

import numpy as np

from .. import redact
from ..anonymize_nets import CODE
from ..cache import cache_dir
from ..preprocess import FaceSequence
from . import _privacy_lab as lab
from . import _privacy_motion as motion
from . import _privacy_people as crowd
from . import _units

METHOD = "landmarks 1"
_RECIPE = ("experiments/_privacy_motion", "experiments/_privacy_lines")


@functools.cache
def drawn_points() -> np.ndarray:
    """Return which landmarks are ends of drawn lines, (K,)."""
    return np.unique(np.concatenate([np.asarray(line) for line, _ in redact.STROKES]))


def lines(face: FaceSequence, shape: np.ndarray) -> np.ndarray:
    """Return where the ends of the lines of a release lie, (T, 2 K) in pixels; as at rest where no face is.

    Parameters
    ----------
    face : FaceSequence
    shape : (478, 2), everybody's resting face, on which the movement is drawn
    """
    points = (redact.shapes(face) + shape - redact.resting(face))[:, drawn_points()]  # (T, K, 2)
    at_rest = np.broadcast_to(shape[drawn_points()], points.shape)
    return np.where(np.isfinite(points), points, at_rest).reshape(len(points), -1)


def given(split: str) -> dict[str, np.ndarray]:
    """Return the answers of an attacker who is given the lines' ends of every release, kept or made."""

    def make() -> dict[str, np.ndarray]:
        from sklearn.decomposition import PCA

        shape, groups = crowd.lent().shape, (crowd.owned(), crowd.victims(split))
        own, met = ([lines(face, shape) for face in group.faces] for group in groups)
        numbers = PCA(CODE, svd_solver="randomized", random_state=0).fit(np.concatenate(own))
        codes = [[numbers.transform(x) for x in part] for part in (own, met)]
        return motion.asked(codes[0], codes[1], split)

    key = _units.recipe(lab.recipe(lab.methods()[METHOD]), modules=_RECIPE)
    return _units.kept(cache_dir() / "experiments" / "privacy_motion" / "lines" / split / f"{key}.npz", make)
