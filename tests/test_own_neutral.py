"""Apex minus own neutral: no change is 0.5, and nothing but the clip itself is used."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fer_nb import own_neutral
from fer_nb.errors import BadInput
from tests.faces import sequence


def test_the_neutral_crop_is_an_early_one():
    face = sequence()
    assert own_neutral.quiet_rows(face).max() < 5
    assert own_neutral.neutral_crop(face).mean() < face.crops[face.apex].mean()


def test_no_change_is_one_half_and_skin_cancels():
    face = sequence()
    start = int(own_neutral.quiet_rows(face)[0])
    still = replace(face, crops=np.repeat(face.crops[start : start + 1], 12, 0))
    assert np.all(own_neutral.difference(still, still.apex) == own_neutral.ZERO)
    brighter = replace(face, crops=(face.crops // 2 + 20).astype(np.uint8))
    darker = replace(face, crops=(face.crops // 2).astype(np.uint8))
    a, b = (own_neutral.clip_input(f) for f in (brighter, darker))
    assert torch.equal(a, b) and a.shape == (1, 1, 64, 64) and a.mean() > own_neutral.ZERO


def test_differences_span_zero_to_one():
    change = own_neutral.minus(np.array([255, 0], np.uint8), np.array([0.0, 255.0]))
    assert change.tolist() == [1.0, 0.0]


def test_a_frame_can_be_asked_for_but_not_one_without_a_face():
    face = sequence()
    found = face.found.copy()
    found[2] = False
    assert not torch.equal(own_neutral.clip_input(face, row=5), own_neutral.clip_input(face))
    with pytest.raises(BadInput, match="no face in frame 2"):
        own_neutral.difference(replace(face, found=found), 2)
