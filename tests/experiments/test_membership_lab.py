"""People, recipes and kept models of the study of membership, on toy people."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_nb.errors import CacheError
from fer_nb.experiments import _membership_lab as lab
from fer_nb.experiments._membership_recipes import GENERATED, Recipe
from tests.membership_toys import SIZES, toy_stills


@pytest.fixture
def toys(cache_folder, monkeypatch):
    monkeypatch.setattr(lab, "stills", toy_stills)
    lab.sides.cache_clear()
    lab.owned.cache_clear()
    yield
    lab.sides.cache_clear()
    lab.owned.cache_clear()


def recipe(train):
    return Recipe("toy", train, 2, "toy")


def test_a_model_is_trained_once_on_its_own_people_and_then_read(toys):
    seen = []

    def train(crops, seed):
        seen.append((len(crops), seed))
        torch.manual_seed(seed)
        return lab.SmallNet()

    made = [lab.model_of(recipe(train), role, 1, SIZES) for role in ("target", "shadow") for _ in range(2)]
    assert seen == [(SIZES.members, 1), (SIZES.members, 101)]
    x = torch.rand(2, 1, 64, 64)
    assert torch.equal(made[0](x), made[1](x)) and not torch.equal(made[0](x), made[2](x))


def test_members_stand_out_when_the_target_is_surer_of_them(toys):
    people = {"exact": SIZES.members, "sessions": SIZES.members, "others": SIZES.others}
    rng = np.random.default_rng(0)
    shadows = [{side: rng.normal(size=(n, 7)) for side, n in people.items()} for _ in range(2)]
    mean = {side: np.mean([s[side] for s in shadows], 0) for side in people}
    target = {side: mean[side] + (side == "exact") for side in people}
    found = lab.scores("exact", [target], shadows, SIZES)
    assert np.allclose(found.members[0], 1) and np.allclose(found.others[0], 0)
    assert found.curve(np.array([0.0, 1.0])).tolist() == [1.0, 1.0]
    assert np.allclose(lab.scores("sessions", [target], shadows, SIZES).members[0], 0)
    naive = lab.scores("exact", [target], [], SIZES)
    assert np.allclose(naive.members[0], target["exact"].mean(1))


def test_without_a_generator_its_row_is_left_out(monkeypatch):
    from fer_nb import checkpoints

    def none(name):
        raise CacheError("no such weights")

    monkeypatch.setattr(checkpoints, "read_card", none)
    assert GENERATED not in lab.available() and "plain" in lab.available()


def test_the_row_of_generated_faces_depends_on_the_generator(monkeypatch):
    from types import SimpleNamespace

    from fer_nb import checkpoints

    names = []
    for version in ("one", "two"):
        monkeypatch.setattr(
            checkpoints, "read_card", lambda name, version=version: SimpleNamespace(recipe=version)
        )
        names.append(lab._name(lab.available()[GENERATED]))
    assert names[0] != names[1] and names[0].startswith("generated-")


def test_answers_cover_everybody(toys):
    made = lab.answers(lab.SmallNet(), SIZES)
    assert made["exact"].shape == (SIZES.members, 7) and made["others_hit"].shape == (SIZES.others, 7)
    assert made["others_hit"].dtype == bool
