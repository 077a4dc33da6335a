"""Toy people for tests of privacy: patterns for faces, a bar that moves, landmarks of the template."""

from __future__ import annotations

import dataclasses

import numpy as np

from fer_nb.experiments._privacy_people import People
from fer_nb.labels import LABELS
from fer_nb.mime.units import UNITS
from fer_nb.preprocess import FaceSequence
from tests.faces import sequence


def clip(person: int, session: int, label: str, *, frames: int = 8) -> FaceSequence:
    """A toy clip: the person's pattern under the session's light, and a bar as high as the units."""
    face = sequence(label, frames=frames, subject=f"toy/{person:04d}")
    rng = np.random.default_rng((person, session, LABELS.index(label)))
    own = np.kron(np.random.default_rng(person).normal(size=(16, 16)), np.ones((4, 4)))
    light = np.linspace(1, 0.7 + 0.1 * session, 64)
    strength = rng.uniform(0.5, 1) * np.linspace(0, 1, frames) * (label != "neutral")
    crops = np.clip((110 + 20 * own + 6 * rng.normal(size=(frames, 64, 64))) * light, 0, 255)
    for t, height in enumerate(strength):
        crops[t, 40 : 44 + int(18 * height), 6 * LABELS.index(label) : 6 * LABELS.index(label) + 5] = 255
    return dataclasses.replace(
        face, crops=crops.astype(np.uint8), units=np.outer(strength, np.ones(len(UNITS))).astype(np.float32),
        source=f"toy/{person}/{session}/{label}", conditions={"person": person, "session": session},
    )  # fmt: skip


def people(numbers: range, sessions: tuple[int, ...]) -> People:
    """Toy people with all classes in each session, by session, then by person."""
    return People(tuple(clip(p, s, label) for s in sessions for p in numbers for label in LABELS))
