"""Frames of donors: one class of each is kept out, poses are relative, codes are true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fer_nb.errors import BadInput
from fer_nb.experiments import _anonymizer_data as data
from fer_nb.labels import LABELS
from fer_nb.preprocess import FaceSequence
from tests.faces import sequence


def acted(person: int, label: str, frames: int = 6) -> FaceSequence:
    """A toy clip of a Mime person whose units are those of its label's number."""
    units = np.zeros((frames, 22), np.float32)
    units[:, LABELS.index(label)] = np.linspace(0, 1.2, frames)
    face = sequence(label, frames=frames, subject=f"p{person}")
    return replace(face, units=units, conditions={"person": person})


def donors(people: int = 3) -> list[FaceSequence]:
    return [acted(p, label) for p in range(people) for label in LABELS]


def test_of_each_donor_one_class_is_kept_out():
    out = [(s.conditions["person"], s.label) for s in donors(9) if data.kept_out(s)]
    assert out[:3] == [(0, LABELS[0]), (1, LABELS[1]), (2, LABELS[2])] and out[7] == (7, LABELS[0])
    assert len(out) == 9


def test_frames_are_divided_and_carry_true_codes():
    train_on, held = data.divided(donors())
    assert len(train_on.crops) == 3 * 6 * 6 and len(held.crops) == 3 * 6
    assert train_on.codes.shape[1] == 24 and train_on.codes[:, :22].max() == 1.0
    assert set(train_on.people) == {0, 1, 2}
    assert np.allclose(train_on.codes[:, 22:], 0, atol=0.2)


def test_frames_without_a_face_are_left_out():
    face = acted(0, "fear")
    face.found[:2] = False
    assert len(data.frames_of([face], {0: np.zeros(2)}).crops) == 4


def test_real_clips_cannot_be_learned_from():
    with pytest.raises(BadInput, match="no true action units"):
        data.frames_of([sequence()], {})
    with pytest.raises(BadInput, match="no conditions"):
        data.kept_out(sequence())


def test_some_are_evenly_spaced():
    faces = data.frames_of(donors(1), {0: np.zeros(2)})
    few = data.some(faces, 7)
    assert len(few.crops) == 7 and np.array_equal(few.codes[-1], faces.codes[-1])
    assert len(data.some(faces, 1000).crops) == len(faces.crops)
