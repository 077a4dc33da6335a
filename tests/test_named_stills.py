"""Stills with a sure label, from crops or from differences, and nothing drawn from elsewhere."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fer_nb import named_stills, own_neutral
from fer_nb.errors import BadInput
from tests.faces import sequence


def taught(label="fear"):
    return replace(sequence(label), units=np.linspace(0, 1.2, 12)[:, None] * np.ones((1, 22), np.float32))


@pytest.mark.parametrize("picture", [named_stills.crop, own_neutral.difference])
def test_every_still_has_a_label_and_peaks_have_the_larger_units(picture):
    clips = [taught("fear"), taught("anger"), taught("neutral")] * 20
    drawn = list(named_stills.batches(clips, np.random.default_rng(0), picture=picture, size=32, repeats=2))
    x, labels, units = (torch.cat(parts) for parts in zip(*drawn, strict=True))
    assert x.shape == (120, 1, 64, 64) and x.dtype == torch.float32
    assert x.min() >= 0 and x.max() <= 1
    counts = torch.bincount(labels, minlength=7).tolist()
    assert sum(counts) == 120 and counts[0] > counts[1] > 25 and counts[3] > 25 and not any(counts[4:])
    assert units[labels > 0].min() > 0.6


def test_the_crop_is_in_zero_to_one():
    face = sequence()
    found = named_stills.crop(face, 3)
    assert found.max() <= 1 and np.array_equal(np.round(found * 255), face.crops[3])


def test_the_same_generators_give_the_same_stills():
    def first():
        torch.manual_seed(1)
        return next(named_stills.batches([taught()] * 4, np.random.default_rng(2), size=8))

    assert all(torch.equal(a, b) for a, b in zip(first(), first(), strict=True))


def test_clips_without_true_units_cannot_teach():
    with pytest.raises(BadInput, match="true action units"):
        next(named_stills.batches([sequence("fear")], np.random.default_rng(0)))
