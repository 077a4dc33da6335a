"""The trainings of the study of membership, on toy people and for a moment."""

from __future__ import annotations

import numpy as np
import torch

from fer_nb.experiments import _membership_recipes as recipes
from fer_nb.training import Plan
from tests.membership_toys import toy_stills


def test_pictures_and_classes_stand_in_the_same_order():
    crops = toy_stills("fit", people=2).crops
    x, y = recipes.flat(crops), recipes.classes(2)
    assert x.shape == (14, 1, 64, 64) and y.tolist() == [*range(7), *range(7)]
    assert torch.equal(x[9, 0], torch.from_numpy(crops[1, 2] / np.float32(255)))


def test_every_recipe_trains_a_network_of_its_own(monkeypatch):
    monkeypatch.setattr(recipes, "Plan", lambda **plan: Plan(**{**plan, "epochs": 1}))
    monkeypatch.setattr(
        recipes, "generated_crops", lambda sets, seed: 255 - toy_stills("fit", people=sets).crops
    )
    monkeypatch.setattr(recipes, "STEPS", 1)
    crops = toy_stills("fit", people=3).crops
    heads = [r.train(crops, 0).head[-1].weight for r in recipes.recipes().values()]
    assert len({tuple(h.flatten()[:5].tolist()) for h in heads}) == len(heads) == 8


def test_the_trap_has_the_noise_of_the_promise_it_imitates():
    assert recipes.private_plan(8.0, 0).noise == recipes.private_plan(8.0, 1).noise > 0
    assert recipes.private_plan(float("inf"), 0).noise == 0
