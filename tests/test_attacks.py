"""Models under attack: what is refused, what is counted, and what a change really was."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fer_nb.attacks import (
    Attackable,
    check_epsilon,
    check_labels,
    launch,
    measured,
    seeded,
    to_8_bits,
    under_attack,
)
from fer_nb.errors import BadInput
from tests.attack_toys import Toy, pictures

X, Y = pictures(), torch.arange(6)


class Softmax(nn.Module):
    """Answers with probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.toy = Toy()
        self.eval()

    def forward(self, x):
        return self.toy(x).softmax(1)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda m: m(X * 255), "divide by 255"),
        (lambda m: m(X - 1), r"give \[0, 1\]"),
        (lambda m: m(X * torch.nan), r"give \[0, 1\]"),
        (lambda m: m(X[:0]), "empty"),
        (lambda m: m(X[0]), "one picture for each row"),
        (lambda m: under_attack(Toy(), video=True)(X), r"x\.unsqueeze\(1\)"),
        (lambda m: under_attack(Softmax())(X), "take away its softmax"),
        (lambda m: under_attack(Toy().train()), r"model\.eval\(\)"),
        (lambda m: under_attack(Toy(), classes=10)(X), r"not \(6, 10\)"),
        (lambda m: check_epsilon(8), "give 8/255"),
        (lambda m: check_epsilon(0), "positive"),
        (lambda m: check_epsilon(float("nan")), "positive"),
        (lambda m: check_epsilon(1, "l3"), "linf, l2"),
        (lambda m: check_labels(m, X, torch.arange(6) + 2), "0 to 6"),
        (lambda m: check_labels(m, X, -torch.arange(6)), "0 to 6"),
        (lambda m: check_labels(m, X, Y[:3]), "6 class numbers"),
        (lambda m: check_labels(m, X, Y.float()), "class numbers"),
        (lambda m: launch(lambda m, x, y: x, m, X[:0], Y[:0]), "empty"),
        (lambda m: to_8_bits(X, X * 0.999), "8-bit"),
    ],
)
def test_what_is_refused_says_what_to_do(wrong, words):
    with pytest.raises(BadInput, match=words) as caught:
        wrong(under_attack(Toy()))
    assert "\n" not in str(caught.value)


def test_a_model_that_is_put_back_into_training_is_refused():
    toy = Toy()
    model = under_attack(toy)
    toy.train()
    with pytest.raises(BadInput, match="training mode"):
        model(X)


def test_wrapping_twice_is_wrapping_once():
    model = under_attack(Toy())
    assert under_attack(model) is model


def test_the_wrapper_owns_normalization():
    class Bright(nn.Module):
        def forward(self, x):
            return x.mean((2, 3)) @ torch.ones(1, 7)

    model = Attackable(Bright().eval(), mean=[0.5], std=[0.25])
    assert torch.allclose(model(torch.full((1, 1, 2, 2), 0.75)), torch.ones(1, 7))


def test_questions_and_gradients_are_counted_and_weights_left_alone():
    toy = Toy()
    model = under_attack(toy)
    model(X)
    x = X.clone().requires_grad_(True)
    z = model(x)
    torch.autograd.grad(z.sum(), x)
    assert (model.queries, model.gradients) == (12, 6)
    model(x).sum().backward()
    assert toy.weight.grad is None and toy.weight.requires_grad
    model.forget()
    assert (model.queries, model.gradients) == (0, 0)


def test_rounding_keeps_the_bound_and_the_levels():
    generator = torch.Generator().manual_seed(0)
    for norm, epsilon in (("linf", 1.6 / 255), ("linf", 4 / 255), ("l2", 0.05), ("l2", 0.5)):
        change = torch.randn(X.shape, generator=generator)
        flat = change.flatten(1)
        size = flat.abs().amax(1) if norm == "linf" else flat.norm(dim=1)
        changed = (X + change * (epsilon / size).view(-1, 1, 1, 1)).clamp(0, 1)
        stored = to_8_bits(changed, X, epsilon=epsilon, norm=norm)
        left = (stored - X).flatten(1)
        size = left.abs().amax(1) if norm == "linf" else left.norm(dim=1)
        assert (size <= epsilon + 1e-5).all() and stored.min() >= 0 and stored.max() <= 1
        assert ((stored * 255).round() - stored * 255).abs().max() < 1e-3


def test_rounding_leaves_most_of_a_short_change():
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(8, 1, 64, 64, generator=generator) * 255).round() / 255
    for epsilon in (0.1, 0.15, 0.25, 0.5):
        change = torch.randn(x.shape, generator=generator)
        change = change * (epsilon / change.flatten(1).norm(dim=1)).view(-1, 1, 1, 1)
        changed = (x + change).clamp(0, 1)
        length = (to_8_bits(changed, x, epsilon=epsilon, norm="l2") - x).flatten(1).norm(dim=1)
        assert (length <= epsilon + 1e-5).all() and (length > 0.9 * epsilon).all(), epsilon


def test_a_change_beyond_its_bound_is_refused_and_so_are_bounds_that_make_no_sense():
    beyond = (X + 16 / 255).clamp(0, 1)
    with pytest.raises(BadInput, match="a change of 16/255 leaves its bound, 8/255"):
        to_8_bits(beyond, X, epsilon=8 / 255)
    with pytest.raises(BadInput, match="leaves its bound"):
        launch(lambda m, a, b: (a + 16 / 255).clamp(0, 1), under_attack(Toy()), X, Y, epsilon=8 / 255)
    for epsilon, norm, remedy in ((8, "linf", "give 8/255"), (0.5, "Linf", "use one of linf, l2")):
        with pytest.raises(BadInput, match=remedy):
            to_8_bits(X, X, epsilon=epsilon, norm=norm)
        with pytest.raises(BadInput, match=remedy):
            launch(lambda m, a, b: a, under_attack(Toy()), X, Y, epsilon=epsilon, norm=norm)


def test_what_is_no_model_no_label_and_no_picture_is_refused():
    model = under_attack(Toy())
    for x, y, remedy in (
        (X, Y.int(), r"labels.long\(\)"),
        (X, Y > 2, "class numbers"),
        (X, Y.numpy(), "torch.as_tensor"),
        (X.numpy(), Y, "torch.from_numpy"),
        (X * 255, Y, "divide by 255"),
    ):
        with pytest.raises(BadInput, match=remedy):
            launch(lambda m, a, b: a, model, x, y, epsilon=8 / 255)
    with pytest.raises(BadInput, match="under_attack"):
        launch(lambda m, a, b: a, Toy(), X, Y, epsilon=8 / 255)


def test_without_a_bound_pixels_go_to_the_nearest_level():
    stored = to_8_bits((X + 0.6 / 255).clamp(0, 1), X)
    assert torch.allclose(stored, (X + 1 / 255).clamp(0, 1))


def test_launch_measures_what_was_stored_and_counts_the_attack_only():
    model = under_attack(Toy())

    def ask_twice(model, x, y):
        model(x), model(x)
        return x + torch.full_like(x, 2.4 / 255) * (x < 0.5)

    found = launch(ask_twice, model, X, Y, epsilon=3 / 255, size=4)
    assert found.queries == 2 and found.gradients == 0
    assert torch.allclose(found.levels, torch.full((6,), 2.0), atol=1e-3)
    assert torch.equal(found.logits, measured(model, X, found.images).logits)
    assert found.accuracy(found.logits.argmax(1)) == 1
    assert str(found).startswith("at most 2/255")


def test_seeds_end_with_the_block():
    torch.manual_seed(3)
    first = torch.rand(1)
    torch.manual_seed(3)
    with seeded(7):
        inside = torch.rand(1)
    assert torch.equal(torch.rand(1), first)
    with seeded(7):
        assert torch.equal(torch.rand(1), inside)
