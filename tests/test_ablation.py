from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from fer_nb import ablation
from fer_nb.ablation import Ablation
from fer_nb.errors import BadInput

SIDE, PATCH = 4, 2


class Crooked(nn.Module):
    """A network with no structure at all, so that nothing but the counting can hold the certificate."""

    def __init__(self, seed: int, classes: int = 3) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.body = nn.Sequential(nn.Linear(SIDE * SIDE, 32), nn.Tanh(), nn.Linear(32, classes))
        for p in self.parameters():
            p.data.mul_(3)

    def forward(self, x):
        return self.body(x.flatten(1) - 0.5)


def patched(image: torch.Tensor) -> torch.Tensor:
    """The image under every black-and-white patch in every place, (places * 16, 1, 4, 4)."""
    out = []
    for row, column in itertools.product(range(SIDE - PATCH + 1), repeat=2):
        for content in itertools.product((0.0, 1.0), repeat=PATCH * PATCH):
            changed = image.clone()
            changed[:, row : row + PATCH, column : column + PATCH] = torch.tensor(content).view(PATCH, PATCH)
            out.append(changed)
    return torch.stack(out)


def labels_of(model: nn.Module, images: torch.Tensor, how: Ablation, threshold: float) -> set[int]:
    """The answers to many images, all positions at once."""
    shown = how.shown(SIDE, SIDE)
    parts = how.apply(images.repeat_interleave(len(shown), 0), shown.repeat(len(images), 1, 1))
    cast = (model(parts).softmax(1) > threshold).unflatten(0, (len(images), len(shown)))
    return set(np.argmax(cast.sum(1).numpy(), 1).tolist())


@pytest.mark.parametrize(
    "how", [Ablation(keep=1), Ablation(keep=1, kind="block"), Ablation(keep=1, stride=2)]
)
@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_no_patch_changes_a_certified_answer_brute_force(how, threshold):
    held, by_count = 0, 0
    for seed in range(12):
        model = Crooked(seed)
        image = torch.rand(1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)).round()
        cast = ablation.votes(model, image, how, threshold=threshold)
        proof = ablation.certify_patch(cast, how.reached(SIDE, SIDE, PATCH))
        assert proof.by_place or not proof.by_count
        assert labels_of(model, image[None], how, threshold) == {proof.label}
        if proof.by_place:
            assert labels_of(model, patched(image), how, threshold) == {proof.label}
        held, by_count = held + proof.by_place, by_count + proof.by_count
    assert by_count <= held < 12
    if how.kind == "block":
        assert held > 0


def test_what_is_not_certified_by_place_falls_to_the_worst_votes():
    """The count is exact: where it does not certify, some votes within reach change the answer."""
    reached = Ablation(keep=2).reached(8, 8, 2)
    rng = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(200):
        cast = torch.rand(8, 3, generator=rng) < torch.tensor([0.9, 0.1, 0.2])
        proof = ablation.certify_patch(cast, reached)
        fooled = False
        for place in reached:
            for rival in range(3):
                worst = cast.clone()
                worst[place] = torch.arange(3) == rival
                fooled |= int(np.argmax(worst.sum(0).numpy())) != proof.label
        assert fooled == (not proof.by_place)
        seen.add((proof.by_count, proof.by_place))
    assert seen == {(False, False), (False, True), (True, True)}


def test_reach_is_patch_plus_strip_less_one():
    for keep, patch in ((1, 1), (4, 5), (10, 3)):
        reached = Ablation(keep=keep).reached(64, 64, patch)
        assert reached.shape == (64 - patch + 1, 64)
        assert set(reached.sum(1).tolist()) == {patch + keep - 1}
    block = Ablation(keep=3, kind="block").reached(10, 12, 2)
    assert block.shape == (9 * 11, 10 * 12) and set(block.sum(1).tolist()) == {(2 + 3 - 1) ** 2}
    assert Ablation(keep=4, stride=4).reached(64, 64, 5).sum(1).max() == 2  # ceil((5 + 4 - 1) / 4)


def test_reach_is_what_the_pixels_say():
    how = Ablation(keep=2, kind="block", stride=2)
    shown, reached = how.shown(6, 6), how.reached(6, 6, 3)
    places = itertools.product(range(4), repeat=2)
    for row, (top, left) in zip(reached, places, strict=True):
        touched = shown[:, top : top + 3, left : left + 3].flatten(1).any(1)
        assert torch.equal(row, touched)


def test_only_the_shown_part_reaches_the_model():
    how = Ablation(keep=3, fill=0.25)
    shown = how.shown(8, 8)
    out = how.apply(torch.rand(8, 1, 8, 8), shown)
    assert (out[~shown.unsqueeze(1)] == 0.25).all() and torch.equal(shown.sum((1, 2)), torch.full((8,), 24))
    assert shown.sum(0).unique().tolist() == [3]  # each pixel is seen equally often
    x = torch.rand(5, 1, 8, 8)
    ((part, y),) = ablation.ablated(lambda rng: [(x, torch.arange(5))], how)(np.random.default_rng(0))
    assert torch.equal(y, torch.arange(5))
    kept = (part == x).flatten(1).sum(1)
    assert (kept == 24).all()


def test_votes_follow_the_threshold():
    model = lambda x: torch.log(torch.tensor([[0.5, 0.4, 0.1]])).expand(len(x), 3)  # noqa: E731
    image, how = torch.rand(1, 8, 8), Ablation(keep=2)
    assert ablation.votes(model, image, how, threshold=0.3).sum(0).tolist() == [8, 8, 0]
    assert ablation.votes(model, image, how, threshold=0.6).sum() == 0
    assert ablation.votes(model, image, how, threshold=0.45, size=3).shape == (8, 3)


def test_bad_input_is_refused():
    for wrong in ({"keep": 0}, {"keep": 2, "kind": "row"}, {"keep": 2, "stride": 0}):
        with pytest.raises(BadInput, match="ablation"):
            Ablation(**wrong)
    with pytest.raises(BadInput, match="keep less"):
        Ablation(keep=9).shown(8, 8)
    with pytest.raises(BadInput, match="patch"):
        Ablation(keep=1).reached(8, 8, 9)
