"""Our PGD: what Foolbox does, on pictures and on videos, and never out of its bound."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_nb.attacks import under_attack
from fer_nb.errors import BadInput
from fer_nb.gradient_attacks import pgd, shrink, tied_pgd
from tests.attack_toys import Toy, pictures

X = pictures()
MODEL, VIDEO = under_attack(Toy()), under_attack(Toy(), video=True)
Y = MODEL(X).argmax(1)


def foolbox_pgd(x, y, *, norm="linf", epsilon=8 / 255, steps=7, target=None):
    foolbox = pytest.importorskip("foolbox")
    attack = {"linf": foolbox.attacks.LinfPGD, "l2": foolbox.attacks.L2PGD}[norm]
    goal = foolbox.criteria.Misclassification(y)
    if target is not None:
        goal = foolbox.criteria.TargetedMisclassification(target)
    model = foolbox.PyTorchModel(MODEL, bounds=(0, 1))
    return attack(rel_stepsize=0.1, steps=steps, random_start=False)(model, x, goal, epsilons=epsilon)[1]


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 8 / 255), ("l2", 0.4)])
def test_it_agrees_with_foolbox_on_pictures_and_on_videos_of_one_frame(norm, epsilon):
    x = X.double()
    theirs = foolbox_pgd(x, Y, norm=norm, epsilon=epsilon)
    options = {"epsilon": epsilon, "steps": 7, "random_start": False}
    ours = pgd(MODEL, x, Y, norm=norm, **options)
    video = pgd(VIDEO, x.unsqueeze(1), Y, norm=norm, **options)[:, 0]
    assert (ours - theirs).abs().max() <= 1e-6 and (video - theirs).abs().max() <= 1e-6
    if norm == "linf":
        tied = tied_pgd(VIDEO, x.unsqueeze(1), Y, tied=(1,), **options)[:, 0]
        assert (tied - theirs).abs().max() <= 1e-6


def test_targets_agree_as_well():
    target = (Y + 1) % 7
    theirs = foolbox_pgd(X.double(), Y, target=target)
    ours = pgd(MODEL, X.double(), target, epsilon=8 / 255, steps=7, random_start=False, targeted=True)
    assert (ours - theirs).abs().max() <= 1e-6


bounds = st.floats(0.1 / 255, 1.0)
numbers = st.integers(0, 10_000)


@settings(max_examples=25, deadline=None)
@given(epsilon=bounds, seed=numbers, norm=st.sampled_from(["linf", "l2"]), targeted=st.booleans())
def test_no_pgd_leaves_its_bound_or_the_range(epsilon, seed, norm, targeted):
    x = pictures(3, frames=2, seed=seed)
    y = torch.tensor([0, 3, 6])
    where = torch.zeros(1, 2, 1, 1, 1)
    where[:, seed % 2] = 1
    z = pgd(
        VIDEO, x, y, epsilon=epsilon, norm=norm, steps=3, step=0.7, targeted=targeted, where=where, seed=seed
    )
    change = (z - x).flatten(1)
    size = change.abs().amax(1) if norm == "linf" else change.norm(dim=1)
    assert (size <= epsilon + 1e-5).all() and z.min() >= 0 and z.max() <= 1
    assert (z == x)[:, 1 - seed % 2].all()  # frames that are not named stay as they were


@settings(max_examples=25, deadline=None)
@given(epsilon=bounds, seed=numbers, tied=st.sampled_from([(0,), (1,), (2, 3, 4), (0, 1)]))
def test_no_tied_change_leaves_its_bound_or_the_range(epsilon, seed, tied):
    x = pictures(3, frames=2, seed=seed)
    z = tied_pgd(VIDEO, x, torch.tensor([0, 3, 6]), epsilon=epsilon, tied=tied, steps=3, seed=seed)
    assert (z - x).abs().max() <= epsilon + 1e-5 and z.min() >= 0 and z.max() <= 1


@pytest.mark.parametrize(("tied", "axes"), [((1,), (1,)), ((2, 3, 4), (2, 3, 4)), ((0, 1), (0, 1))])
def test_a_tied_change_is_the_same_along_its_axes(tied, axes):
    x = 0.25 + pictures(3, frames=2) / 2
    change = tied_pgd(VIDEO, x, torch.tensor([0, 3, 6]), epsilon=8 / 255, tied=tied, steps=4) - x
    assert (change.amax(axes) - change.amin(axes)).max() < 1e-6 and change.abs().max() > 7 / 255


def test_attacks_succeed_and_restarts_do_not_hurt():
    options = {"epsilon": 40 / 255, "steps": 10}
    one = MODEL(pgd(MODEL, X, Y, **options)).argmax(1)
    three = MODEL(pgd(MODEL, X, Y, restarts=3, **options)).argmax(1)
    assert (one != Y).float().mean() > 0.5 and ((one != Y) <= (three != Y)).all()
    target = (Y + 1) % 7
    aimed = MODEL(pgd(MODEL, X, target, epsilon=0.9, steps=20, targeted=True, restarts=2)).argmax(1)
    assert (aimed == target).all()


def test_the_same_seed_gives_the_same_attack():
    first, again, other = (pgd(MODEL, X, Y, epsilon=4 / 255, steps=1, seed=s) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_shrink_leaves_small_changes_alone():
    small = torch.full((2, 3), 0.01)
    assert torch.equal(shrink(small, 1.0, "linf"), small) and torch.equal(shrink(small, 1.0, "l2"), small)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: pgd(MODEL, X, Y, epsilon=8), "give 8/255"),
        (lambda: pgd(VIDEO, X, Y, epsilon=8 / 255), "time axis"),
        (lambda: pgd(MODEL, X, Y + 7, epsilon=8 / 255), "0 to 6"),
        (lambda: pgd(MODEL, X[:0], Y[:0], epsilon=8 / 255), "empty"),
        (lambda: tied_pgd(MODEL, X, Y, epsilon=8 / 255, tied=(5,)), "tied axes"),
        (lambda: tied_pgd(MODEL, X, Y, epsilon=8 / 255, tied=()), "tied axes"),
        (lambda: pgd(MODEL, X, Y, epsilon=8 / 255, restarts=0), "at least one"),
        (lambda: pgd(MODEL, X, Y, epsilon=8 / 255, steps=0), "at least one"),
        (lambda: tied_pgd(MODEL, X, Y, epsilon=8 / 255, tied=(0,), steps=-1), "at least one"),
        (lambda: shrink(X, 1.0, "Linf"), "use one of linf, l2"),
    ],
)
def test_bad_input_says_what_to_do(wrong, words):
    with pytest.raises(BadInput, match=words):
        wrong()
