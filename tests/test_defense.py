from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from fer_nb import defense, jpeg
from fer_nb.defense import DefendedModel, Transform
from fer_nb.errors import BadInput


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 7)).eval()


X = torch.rand(4, 1, 64, 64, generator=torch.Generator().manual_seed(0))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_mean_of_draws_is_the_hand_computed_one():
    defended = DefendedModel(net(), Transform(), draws=5, seed=7)
    said = defended(X)
    recipe = defended.transform
    draw = recipe.draw(5 * 4, generator(7))
    answers = []
    for k in range(5):
        rows = slice(4 * k, 4 * k + 4)
        part = defense.Draw(draw.corners[rows], draw.greys[rows], draw.quality[rows])
        answers.append(net()(recipe.apply(X, part)).softmax(1))
    torch.testing.assert_close(said, (sum(answers) / 5).log())
    torch.testing.assert_close(said.softmax(1), sum(answers) / 5)


def test_boxes_lie_inside_and_cover_what_they_say():
    recipe = Transform(boxes=1, size=(0.25, 0.25), fill=0.0, quality=None)
    draw = recipe.draw(50, generator())
    covered = recipe.apply(torch.ones(50, 1, 64, 64), draw) == 0
    sizes = covered.sum((1, 2, 3))
    assert sizes.min() >= 15 * 15 and sizes.max() <= 17 * 17
    assert draw.corners.min() >= 0 and draw.corners.max() <= 1
    rows, columns = covered.any(3).sum(2), covered.any(2).sum(2)
    assert torch.equal(rows * columns, sizes[:, None])  # a full rectangle


def test_every_place_is_covered_now_and_then():
    recipe = Transform(boxes=2, size=(0.1, 0.3), fill=0.0, quality=None)
    covered = recipe.apply(torch.ones(400, 1, 64, 64), recipe.draw(400, generator())) == 0
    share = covered.float().mean(0)[0]
    assert share[32, 32] > share[1, 1] and share[4:-4, 4:-4].min() > 0.005


def test_fills():
    for fill, check in (
        ("mean", lambda part, x: torch.allclose(part, x.mean().expand_as(part))),
        (0.25, lambda part, x: torch.all(part == 0.25)),
        ("random", lambda part, x: len(part.unique()) == 1),
    ):
        recipe = Transform(boxes=1, quality=None, fill=fill)
        draw = recipe.draw(1, generator())
        out, mask = recipe.apply(X[:1], draw), recipe.mask(draw, 0, 64, 64)
        assert check(out[mask], X[:1]) and torch.equal(out[~mask], X[:1][~mask])


def test_without_boxes_and_compression_nothing_changes():
    defended = DefendedModel(net(), Transform(boxes=0, quality=None), draws=2)
    torch.testing.assert_close(defended(X), net()(X).log_softmax(1))


def test_compression_alone_is_the_real_codec():
    recipe = Transform(boxes=0, quality=(40, 40))
    torch.testing.assert_close(
        recipe.apply(X, recipe.draw(4, generator())), jpeg.real(X, torch.full((4,), 40))
    )


def test_calls_differ_seeds_repeat_and_frozen_draws_stay():
    defended = DefendedModel(net(), draws=3, seed=1)
    first, second = defended(X), defended(X)
    assert not torch.equal(first, second)
    assert torch.equal(defended.reseed(1)(X), first) and torch.equal(defended(X), second)
    with defended.frozen(5):
        whole = defended(X)
        assert torch.equal(defended(X), whole)
        torch.testing.assert_close(torch.cat([defended(x[None]) for x in X]), whole)  # whatever the batch
        with defended.frozen(6):
            assert not torch.equal(defended(X), whole)
        assert torch.equal(defended(X), whole)
    assert not torch.equal(defended(X), whole)


def test_a_copy_goes_on_with_the_same_draws():
    defended = DefendedModel(net(), draws=2, seed=3)
    defended(X)
    twin = copy.deepcopy(defended)
    assert torch.equal(defended(X), twin(X)) and not twin.training


def test_gradients_pass_by_bpda_and_not_without():
    defended = DefendedModel(net(), Transform(boxes=1), draws=2)
    x = X.clone().requires_grad_()
    (grad,) = torch.autograd.grad(defended(x)[:, 0].sum(), x)
    assert (grad != 0).float().mean() > 0.3
    bare = DefendedModel(net(), Transform(boxes=0), draws=2).with_gradient("none")
    assert (
        bare.transform.gradient == "none"
        and not torch.autograd.grad(bare(x)[:, 0].sum(), x, allow_unused=True)[0]
    )


def test_gradient_through_boxes_is_zero_under_them():
    recipe = Transform(boxes=1, size=(0.5, 0.5), fill=0.5, quality=None)
    draw, x = recipe.draw(4, generator()), X.clone().requires_grad_()
    (grad,) = torch.autograd.grad(recipe.apply(x, draw).sum(), x)
    assert torch.equal(grad == 0, recipe.mask(draw, 0, 64, 64))


def test_another_gradient_goes_on_with_the_same_draws():
    defended = DefendedModel(net(), draws=2, seed=7)
    assert torch.equal(defended.with_gradient("identity")(X), DefendedModel(net(), draws=2, seed=7)(X))
    with defended.frozen(3):
        assert not defended.with_gradient("identity").is_random and defended.with_draws(4).is_random


def test_other_numbers_of_draws():
    defended = DefendedModel(net(), draws=2)
    assert defended.member_logits(X).shape == (2, 4, 7) and defended.member_logits(X, 9).shape == (9, 4, 7)
    assert defended.with_draws(20).draws == 20 and defended.with_draws(20).model is defended.model


@pytest.mark.parametrize(
    "wrong",
    [
        {"boxes": -1}, {"size": (0.3, 0.1)}, {"fill": "blue"}, {"fill": 128}, {"quality": (0, 50)},
        {"quality": (80, 30)}, {"gradient": "x"},
    ],
)  # fmt: skip
def test_wrong_recipes_are_refused(wrong):
    with pytest.raises(BadInput, match="transform"):
        Transform(**wrong)


def test_wrong_inputs_are_refused():
    with pytest.raises(BadInput, match="draws"):
        DefendedModel(net(), draws=0)
    with pytest.raises(BadInput, match="give"):
        DefendedModel(net())(torch.rand(1, 4, 1, 64, 64))
    with pytest.raises(BadInput, match="divide by 255"):
        DefendedModel(net())(X * 255)
    with pytest.raises(BadInput, match=r"float\(\) / 255"):
        DefendedModel(net())((X * 255).byte())
    recipe = Transform()
    with pytest.raises(BadInput, match="one for each"):
        recipe.apply(X, recipe.draw(3, generator()))
