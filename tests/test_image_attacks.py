"""Attacks of the libraries through one door: bounds hold, costs are counted, limits are said."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_nb.attacks import launch, under_attack
from fer_nb.errors import BadInput
from fer_nb.gradient_attacks import shrink
from fer_nb.image_attacks import BOUNDED, MINIMAL, bounded, minimal
from tests.attack_toys import Toy, pictures

pytest.importorskip("foolbox")
pytest.importorskip("torchattacks")

X = pictures()
MODEL = under_attack(Toy())
Y = MODEL(X).argmax(1)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("name", [name for name in BOUNDED if name != "AutoAttack"])
def test_no_bounded_attack_leaves_its_bound_or_the_range(name, norm):
    epsilon = {"linf": 20 / 255, "l2": 0.6}[norm]
    found = launch(bounded(name, epsilon, norm=norm, steps=20), MODEL, X, Y, epsilon=epsilon, norm=norm)
    size = found.levels / 255 if norm == "linf" else found.l2
    assert (size <= epsilon + 1e-5).all() and found.images.min() >= 0 and found.images.max() <= 1
    assert ((255 * found.images).round() - 255 * found.images).abs().max() < 1e-3
    needs = BOUNDED[name]
    assert (found.gradients > 0) == (needs == "gradients")
    assert found.queries > 0 and (found.levels > 0).any()
    assert found.accuracy(Y) <= 1 if needs == "nothing" else found.accuracy(Y) < 1


def clipped(norm):
    """Return DeepFool, which knows no bound, cut to one."""

    def make(epsilon):
        search = minimal("DeepFool", norm=norm, steps=3)
        return lambda model, x, y: x + shrink(search(model, x, y) - x, epsilon, norm)

    return make


def of_library(name, norm, steps):
    return lambda epsilon: bounded(name, epsilon, norm=norm, steps=steps)


LIBRARY = {
    (name, norm): of_library(name, norm, steps)
    for name, steps in (("noise", 1), ("FGSM", 1), ("PGD", 3), ("APGD", 3), ("Square", 5))
    for norm in ("linf", "l2")
} | {("DeepFool", norm): clipped(norm) for norm in ("linf", "l2")}


@pytest.mark.parametrize(("name", "norm"), LIBRARY)
@settings(max_examples=8, deadline=None)
@given(epsilon=st.floats(0.1 / 255, 1.0), seed=st.integers(0, 10_000))
def test_no_attack_of_a_library_leaves_a_random_bound_or_the_range(name, norm, epsilon, seed):
    x, y = pictures(3, seed=seed), torch.tensor([0, 3, 6])
    made = []

    def attack(model, a, b):
        made.append(LIBRARY[name, norm](epsilon)(model, a, b))
        return made[-1]

    found = launch(attack, MODEL, x, y, epsilon=epsilon, norm=norm, seed=seed)
    for images in (made[0], found.images):  # as the library gives it, and as it is stored
        change = (images - x).flatten(1)
        size = change.abs().amax(1) if norm == "linf" else change.norm(dim=1)
        assert (size <= epsilon * 1.001 + 1e-5).all()
        assert images.min() >= 0 and images.max() <= 1


def test_autoattack_is_the_standard_one_with_as_many_steps_as_in_the_paper(monkeypatch):
    import torchattacks

    asked = {}
    for name in ("APGD", "APGDT", "FAB", "Square"):
        kind = getattr(torchattacks, name)

        def made(model, kind=kind, name=name, **options):
            asked[name] = options
            return kind(
                model, **{**options, "steps": 2} if "steps" in options else {**options, "n_queries": 5}
            )

        monkeypatch.setattr(torchattacks, name, made)
    bounded("AutoAttack", 60 / 255)(MODEL, X[:2], Y[:2])
    assert [asked[name]["steps"] for name in ("APGD", "APGDT", "FAB")] == [100] * 3
    assert asked["Square"]["n_queries"] == 5000 and asked["FAB"]["multi_targeted"]
    assert {options["eps"] for options in asked.values()} == {60 / 255}


def test_autoattack_knows_the_number_of_classes():
    found = launch(bounded("AutoAttack", 60 / 255), MODEL, X[:2], Y[:2], epsilon=60 / 255)
    assert found.accuracy(Y[:2]) == 0 and found.levels.max() <= 60.001


@pytest.mark.parametrize(
    ("name", "norm"), [(n, "l2") for n in MINIMAL] + [("DeepFool", "linf"), ("HopSkipJump", "linf")]
)
def test_minimizing_attacks_flip_the_label(name, norm):
    steps = {"Boundary": 50, "HopSkipJump": 2, "Carlini-Wagner": 60}.get(name)
    found = launch(minimal(name, norm=norm, steps=steps), MODEL, X, Y, norm=norm)
    assert found.accuracy(Y) <= 0.5  # rounding may undo a change that stops right behind the border
    assert found.images.min() >= 0 and found.images.max() <= 1
    assert (found.gradients > 0) == (MINIMAL[name] == "gradients")


def test_the_same_seed_gives_the_same_attack():
    one, again = (
        launch(bounded("PGD", 8 / 255, steps=3), MODEL, X, Y, epsilon=8 / 255, seed=s) for s in (5, 5)
    )
    assert torch.equal(one.images, again.images)


def test_targets():
    wanted = torch.full_like(Y, 2)
    for name in ("PGD", "Square"):
        found = launch(bounded(name, 0.9, target=2, steps=200), MODEL, X, Y, epsilon=0.9)
        assert found.accuracy(wanted) > 0.5
    found = launch(minimal("Carlini-Wagner", target=2, steps=60), MODEL, X, Y, norm="l2")
    assert found.accuracy(wanted) > 0.5


def test_restarts_of_noise_and_pgd_count_the_worst():
    found = launch(bounded("PGD", 20 / 255, steps=5, restarts=3), MODEL, X, Y, epsilon=20 / 255)
    assert found.gradients == 15
    few, many = (launch(bounded("noise", 0.5, restarts=n), MODEL, X, Y, epsilon=0.5) for n in (1, 20))
    assert many.accuracy(Y) <= few.accuracy(Y) + 1 / 6


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: bounded("PDG", 8 / 255), "use one of noise, FGSM"),
        (lambda: bounded("PGD", 8), "give 8/255"),
        (lambda: bounded("PGD", 8 / 255, steps=0), "at least one"),
        (lambda: bounded("noise", 8 / 255, restarts=0), "at least one"),
        (lambda: minimal("DeepFool", steps=-1), "at least one"),
        (lambda: bounded("FGSM", 8 / 255, target=1), "use PGD or Square"),
        (lambda: minimal("CW"), "use one of DeepFool"),
        (lambda: minimal("Carlini-Wagner", norm="linf"), "l2 only"),
        (lambda: minimal("DeepFool", target=1), "use Carlini-Wagner"),
        (lambda: minimal("DeepFool", norm="l1"), "linf, l2"),
        (lambda: bounded("PGD", 8 / 255)(MODEL, X, Y + 7), "0 to 6"),
        (
            lambda: bounded("Square", 8 / 255)(under_attack(Toy(), video=True), X.unsqueeze(1), Y),
            "fold time into channels",
        ),
    ],
)  # fmt: skip
def test_bad_input_says_what_to_do(wrong, words):
    with pytest.raises(BadInput, match=words):
        wrong()
