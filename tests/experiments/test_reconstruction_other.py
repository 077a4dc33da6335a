"""The other attacks on a tiny world: the shipped branch, inversion, people called by name."""

from __future__ import annotations

import numpy as np
import pytest

from fer_nb.bottleneck import Setting
from fer_nb.experiments import _reconstruction_lab as lab
from fer_nb.experiments import _reconstruction_other as other
from fer_nb.experiments import _reconstruction_units as units
from tests.reconstruction_toys import world


@pytest.fixture(autouse=True)
def small(monkeypatch, cache_folder):
    monkeypatch.setattr(lab, "recipe", lambda: "toy")
    monkeypatch.setattr(units, "EPOCHS", 1)
    monkeypatch.setattr(units, "ROUNDS", {32: 1, 64: 1})
    monkeypatch.setattr(other, "STEPS", 3)
    monkeypatch.setattr(other, "PARTS", 5)
    monkeypatch.setitem(units.SETTINGS, "plain", Setting(maps=2))


def test_the_shipped_branch_is_attacked_through_its_maps():
    who = world()
    found = other.shipped(who, size="small")
    assert found["ssim"].shape == (len(who.victims),) and found["shown"].shape[1:] == (64, 64)
    assert set(found["probe"]) <= {0.0, 1.0}


def test_inversion_stands_beside_what_its_prior_could_show():
    found = other.inverted(world(), "plain", 32, 0)
    assert len(found["rows"]) == len(found["ssim"]) == len(found["person"])
    assert found["best"].mean() >= found["mean_face"].mean() - 0.05
    assert found["shown"].dtype == np.uint8


def test_training_people_are_called_by_name():
    found = other.named(world(), "plain", 32, 0, people=4)
    assert found["hits"].shape == (4,) and 0 <= float(found["fitted"]) <= 1


@pytest.mark.parametrize("name", other.RELEASES)
def test_released_pictures_are_attacked_like_features(name):
    who = world()
    assert len(other.RELEASES[name](who.victims)) == len(who.victims)
    found = other.picture(who, name, 32, 0, size="small")
    assert found["ssim"].shape == (len(who.victims),) and {"naive", "parrot", "probe"} <= set(found)
