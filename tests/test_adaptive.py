from __future__ import annotations

import pytest
import torch
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from fer_nb import adaptive
from fer_nb.adaptive import Members
from fer_nb.defense import DefendedModel, Transform, log_mean
from fer_nb.errors import BadInput
from tests.defense_toys import EPS, SIDE, Blocks, faces

CODEC = Transform(boxes=0, quality=(40, 70))
NOTHING = Transform(boxes=0, quality=None)


@pytest.fixture(scope="module")
def toy():
    model = Blocks().eval()
    return model, *faces(model)


def test_bpda_breaks_what_a_rounding_codec_seems_to_protect(toy):
    model, x, y = toy
    defended = DefendedModel(model, CODEC, draws=3)
    assert len(x) >= 10
    for gradient in ("soft", "identity"):
        found = adaptive.eot(defended, x, y, epsilon=EPS, draws=4, steps=10, gradient=gradient)
        assert found.accuracy(y) == 0 and float(found.levels.max()) <= 8.01


def test_without_bpda_there_is_no_gradient_to_follow(toy):
    model, x, y = toy
    defended = DefendedModel(model, CODEC, draws=2)
    with pytest.raises(BadInput, match="no gradient"):
        adaptive.eot(defended, x, y, epsilon=EPS, draws=2, steps=2, gradient="none")


def test_expectation_over_draws_finds_a_way_that_one_draw_hides():
    """The gradient of a draw is swamped by noise of mean zero, its answer is not: averaging sees through."""

    class Noisy(Blocks):
        def forward(self, x):
            noise = torch.randn(x.shape[0], 7, *x.shape[1:])
            return super().forward(x) + ((x - x.detach())[:, None] * noise).flatten(2).sum(2)

    model = Noisy().eval()
    x, y = faces(model)
    defended = DefendedModel(model, NOTHING, draws=1)
    after = {
        draws: float(
            adaptive.eot(defended, x, y, epsilon=EPS, draws=draws, steps=3, step=0.4).logits
            .gather(1, y[:, None]).mean()
        )
        for draws in (1, 64)
    }  # fmt: skip
    assert after[64] < after[1] - 0.1  # belief in the truth, a logarithm, is far lower
    torch.manual_seed(0)


def test_loss_of_members_is_the_mean_of_their_losses():
    defended = DefendedModel(Blocks().eval(), Transform(boxes=1), draws=4)
    x, y = torch.rand(3, 1, SIDE, SIDE), torch.tensor([0, 3, 6])
    with defended.frozen(0):
        at = x.clone().requires_grad_()
        ours = F.cross_entropy(Members(defended)(at), y, reduction="none")
        z = defended.member_logits(at)
        truth = torch.stack([F.cross_entropy(one, y, reduction="none") for one in z]).mean(0)
        torch.testing.assert_close(ours, truth)
        torch.testing.assert_close(
            torch.autograd.grad(ours.sum(), at)[0], torch.autograd.grad(truth.sum(), at)[0]
        )
        averaged = F.cross_entropy(log_mean(z), y, reduction="none")
        assert torch.all(averaged <= truth + 1e-6)  # Jensen


def test_members_that_agree_leave_nothing_over():
    defended = DefendedModel(Blocks().eval(), NOTHING, draws=3)
    x = torch.rand(2, 1, SIDE, SIDE).requires_grad_()
    z = Members(defended)(x)
    torch.testing.assert_close(z[:, :7].exp().sum(1), torch.ones(2))
    assert torch.isfinite(z).all() and float(z[:, 7].detach().max()) < -10
    (slope,) = torch.autograd.grad(F.cross_entropy(z, torch.tensor([0, 1])), x)
    (plain,) = torch.autograd.grad(F.cross_entropy(defended.model(x), torch.tensor([0, 1])), x)
    torch.testing.assert_close(slope, plain, atol=1e-4, rtol=1e-3)


def test_costs_count_every_draw(toy):
    model, x, y = toy
    defended = DefendedModel(model, NOTHING, draws=1)
    found = adaptive.eot(defended, x, y, epsilon=EPS, draws=6, steps=5)
    assert found.gradients == 30
    search = adaptive.square(defended, x, y, epsilon=EPS, queries=10, draws=3)
    assert search.gradients == 0 and 3 <= search.queries <= 3 * 15


def test_black_boxes_fool_the_toy_and_keep_the_bound(toy):
    model, x, y = toy
    defended = DefendedModel(model, CODEC, draws=1)
    for found in (
        adaptive.square(defended, x, y, epsilon=EPS, queries=60, draws=2),
        adaptive.hard_label(model, x[:3], y[:3], epsilon=EPS, steps=3),
        adaptive.transfer(model, x, y, epsilon=EPS, steps=5),
    ):
        labels = y[: len(found.images)]
        assert float(found.levels.max()) <= 8.01 and found.accuracy(labels) < 0.5


def test_a_search_that_never_fools_still_gives_its_best_attempt(toy):
    model, x, y = toy
    found = adaptive.square(DefendedModel(model, CODEC, draws=1), x, y, epsilon=1 / 255, queries=3, draws=2)
    assert set(found.levels.round().tolist()) == {1.0}  # the library would give back the pictures it lost on


def test_a_search_goes_on_after_it_has_fooled_its_own_draws(toy):
    model, x, y = toy
    defended = DefendedModel(model, CODEC, draws=1)
    found = adaptive.square(defended, x, y, epsilon=60 / 255, queries=20, draws=2)
    assert found.accuracy(y) == 0 and found.queries >= 2 * 20


def test_noise_is_a_control_and_not_an_attack(toy):
    model, x, y = toy
    pictures = adaptive.noise(x, epsilon=EPS, count=3)
    assert len(pictures) == 3 and not torch.equal(pictures[0], pictures[1])
    for picture in pictures:
        levels = ((picture - x).abs() * 255).round()
        assert set(levels.unique().tolist()) == {8.0}
        assert float((model(picture).argmax(1) == y).float().mean()) > 0.5


def test_frozen_row_is_an_attack_on_one_deterministic_model(toy):
    model, x, y = toy
    defended = DefendedModel(model, CODEC, draws=2)
    assert adaptive.frozen_accuracy(defended, x, y, epsilon=EPS, steps=10, seeds=(0, 1)) == 0
    assert defended.is_random
    assert adaptive.frozen_accuracy(defended, x, y, epsilon=0.01 / 255, steps=2) > 0.8


def test_effort_grows_to_a_plateau():
    asked = []

    def accuracy(count: int) -> float:
        asked.append(count)
        return {1: 0.9, 2: 0.7, 4: 0.6, 8: 0.595, 16: 0.3}[count]

    plateau = adaptive.grow(accuracy)
    assert asked == [1, 2, 4, 8] and plateau.reached and plateau.count == 4
    assert plateau.accuracies == (0.9, 0.7, 0.6, 0.595)
    short = adaptive.grow(lambda n: 1 / n, start=2, limit=16)
    assert not short.reached and short.counts == (2, 4, 8, 16) and short.count == 16
    with pytest.raises(BadInput, match="start"):
        adaptive.grow(lambda n: 0.0, start=8, limit=4)


ENTRIES = {
    "EOT": lambda d, x, y: adaptive.eot(d, x, y, epsilon=EPS, draws=2, steps=1),
    "EOT of the mean": lambda d, x, y: adaptive.eot(d, x, y, epsilon=EPS, draws=2, steps=1, loss="mean"),
    "Square": lambda d, x, y: adaptive.square(d, x, y, epsilon=EPS, queries=2, draws=2),
    "Square, no randomness": lambda d, x, y: adaptive.square(d.model, x, y, epsilon=EPS, queries=2),
    "labels only": lambda d, x, y: adaptive.hard_label(d, x, y, epsilon=EPS, steps=1, draws=2),
    "transfer": lambda d, x, y: adaptive.transfer(d.model, x, y, epsilon=EPS, steps=1),
    "frozen": lambda d, x, y: adaptive.frozen_accuracy(d, x, y, epsilon=EPS, steps=1),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_label_that_is_no_class_is_refused_and_the_classes_are_named(toy, entry):
    model, x, y = toy
    defended = DefendedModel(model, CODEC, draws=1)
    for wrong in (7, -1):  # `Members` has an eighth class, which nobody can be
        with pytest.raises(BadInput, match=r"labels run from .*: give 0 to 6"):
            ENTRIES[entry](defended, x[:2], torch.tensor([0, wrong]))
    with pytest.raises(BadInput, match="give 2 class numbers"):
        ENTRIES[entry](defended, x[:2], y[:1])


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_empty_batch_is_refused(toy, entry):
    model, x, y = toy
    with pytest.raises(BadInput, match="the batch is empty: give at least one picture"):
        ENTRIES[entry](DefendedModel(model, CODEC, draws=1), x[:0], y[:0])


def test_noise_and_the_frozen_row_say_what_they_need(toy):
    model, x, y = toy
    for wrong, words in (
        (lambda: adaptive.noise(x[:0], epsilon=EPS), "at least one picture"),
        (lambda: adaptive.noise(x, epsilon=EPS, count=0), "ask for at least one"),
        (lambda: adaptive.noise(255 * x, epsilon=EPS), "divide by 255"),
        (lambda: adaptive.frozen_accuracy(DefendedModel(model), x, y, epsilon=EPS, seeds=()), "no seeds"),
    ):
        with pytest.raises(BadInput, match=words):
            wrong()


@settings(max_examples=20, deadline=None)
@given(
    epsilon=st.floats(0.1 / 255, 1.0),
    norm=st.sampled_from(["linf", "l2"]),
    loss=st.sampled_from(["members", "mean"]),
    gradient=st.sampled_from(["soft", "identity"]),
    seed=st.integers(0, 999),
)
def test_no_attack_through_the_defense_leaves_its_bound_or_the_range(epsilon, norm, loss, gradient, seed):
    x = torch.randint(0, 256, (2, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(seed)) / 255
    defended = DefendedModel(Blocks().eval(), Transform(boxes=1, quality=(40, 70)), draws=1)
    y, options = torch.tensor([0, 6]), {"epsilon": epsilon, "seed": seed}
    found = adaptive.eot(
        defended, x, y, draws=2, steps=2, step=0.7, norm=norm, loss=loss, gradient=gradient, **options
    )
    size = found.levels / 255 if norm == "linf" else found.l2
    assert (size <= epsilon + 1e-5).all() and found.images.min() >= 0 and found.images.max() <= 1
    search = adaptive.square(defended, x, y, queries=3, draws=1, **options)
    for images in (search.images, *adaptive.noise(x, **options)):
        assert (images - x).abs().max() <= epsilon + 1e-5 and images.min() >= 0 and images.max() <= 1


@settings(max_examples=6, deadline=None)
@given(epsilon=st.floats(0.5 / 255, 1.0), seed=st.integers(0, 999))
def test_no_search_with_labels_alone_leaves_its_bound_or_the_range(toy, epsilon, seed):
    model, x, y = toy
    k = seed % len(x)
    try:
        found = adaptive.hard_label(model, x[k : k + 1], y[k : k + 1], epsilon=epsilon, steps=1, seed=seed)
    except ValueError:  # the library found no place to start from
        reject()
    change = (found.images - x[k]).abs().max()
    assert change <= epsilon + 1e-5 and found.images.min() >= 0 and found.images.max() <= 1


def test_bad_input_is_refused(toy):
    model, x, y = toy
    defended = DefendedModel(model, CODEC)
    with pytest.raises(BadInput, match="members"):
        adaptive.eot(defended, x, y, epsilon=EPS, loss="median")
    with pytest.raises(BadInput, match="8/255"):
        adaptive.eot(defended, x, y, epsilon=8)
    with pytest.raises(BadInput, match="8/255"):
        adaptive.noise(x, epsilon=8)
    with pytest.raises(BadInput, match="training mode"):
        adaptive.transfer(nn.Sequential(nn.Flatten(), nn.Linear(4, 7)), x, y, epsilon=EPS)
