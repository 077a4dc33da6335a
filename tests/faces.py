"""Toy faces for tests: the template mesh in pixels, moved by hand. No detector, no rendering."""

from __future__ import annotations

import numpy as np

from fer_nb.mime import template
from fer_nb.preprocess import FaceSequence, sequence_from_points

LIP_CORNERS = [61, 291]


def mesh(*, size: float = 60.0, center: float = 80.0) -> np.ndarray:
    """The resting template as (478, 3) float64 pixels, y down."""
    return template.REST * [size, -size, -size] + [center, center, 0]


def smile(amount: float) -> np.ndarray:
    """The template with its lip corners pulled up and out by `amount` pixels."""
    face = mesh()
    face[LIP_CORNERS] += [[-amount, -amount, 0], [amount, -amount, 0]]
    return face


def sequence(
    label: str = "happiness", *, frames: int = 12, amount: float = 6.0, subject: str = "toy"
) -> FaceSequence:
    """A clip that rises from rest to a smile of `amount` pixels."""
    points = np.stack([smile(amount * t / (frames - 1)) for t in range(frames)]).astype(np.float32)
    crops = np.linspace(40, 200, frames).astype(np.uint8)[:, None, None] * np.ones((1, 64, 64), np.uint8)
    return sequence_from_points(
        points, crops, fps=10.0, label=label, subject=subject, source=f"{subject}/{label}"
    )
