"""Inversion along the slope: a prior that keeps to faces, codes and names that are found again."""

from __future__ import annotations

import pytest
import torch

from fer_nb.errors import BadInput
from fer_nb.inversion import impersonate, invert, prior, search


def faces(count: int = 30) -> torch.Tensor:
    """Pictures that vary in two ways only: bright on the left, bright on top."""
    x = torch.full((count, 1, 8, 8), 0.4)
    x[..., :4] += 0.2 * torch.rand(count, 1, 1, 1)
    x[:, :, :4] += 0.2 * torch.rand(count, 1, 1, 1)
    return x


def test_places_and_pictures_are_inverse_within_the_prior():
    x = faces()
    space = prior(x, parts=2)
    assert torch.allclose(space.picture(space.place(x)), x, atol=1e-5)
    assert space.place(x).std(0) == pytest.approx([1, 1], abs=1e-3)


@pytest.mark.parametrize("parts", [0, 30])
def test_a_prior_needs_more_pictures_than_directions(parts):
    with pytest.raises(BadInput, match="prior"):
        prior(faces(), parts=parts)


def test_a_code_leads_back_to_its_picture():
    x, space = faces(), prior(faces(), parts=2)
    release = lambda p: torch.nn.functional.avg_pool2d(p, 4).flatten(1)  # noqa: E731
    found = invert(release, release(x[:3]), space, steps=150)
    assert (found - x[:3]).abs().mean() < 0.03


def test_a_name_calls_up_its_picture():
    space = prior(faces(), parts=2)
    scores = lambda p: 40 * torch.stack([p[..., :4].mean((1, 2, 3)), p[:, :, :4].mean((1, 2, 3))], 1)  # noqa: E731
    found = impersonate(scores, torch.tensor([0, 1]), space, steps=60)
    assert scores(found).argmax(1).tolist() == [0, 1]


def test_a_broken_encoder_is_named():
    with pytest.raises(BadInput, match="finite"):
        search(lambda p: p.mean((1, 2, 3)) * float("nan"), prior(faces(), parts=2), 1, steps=1)
