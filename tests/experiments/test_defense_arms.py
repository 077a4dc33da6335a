"""The arms of the defense on toys: what each is made of, trained once, kept and shipped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fer_nb import checkpoints, defended, mime
from fer_nb.defense import DefendedModel
from fer_nb.errors import BadInput
from fer_nb.experiments import _defense_arms as arms
from fer_nb.experiments import defense_arms
from fer_nb.labels import LABELS
from fer_nb.spatial import SpatialNet
from tests.faces import sequence


@pytest.fixture
def short(monkeypatch, cache_folder):
    """One epoch on seven toy clips, two steps of the adversary."""
    units = np.zeros((12, len(mime.UNITS)), np.float32)
    faces = tuple(replace(sequence(label), units=units) for label in LABELS)
    torch.manual_seed(0)
    start = SpatialNet().eval()
    monkeypatch.setattr(arms, "recipe", lambda: "toy")
    monkeypatch.setattr(arms, "training_faces", lambda: faces)
    monkeypatch.setattr(arms, "starting_point", lambda start_: start)
    monkeypatch.setattr(arms, "PLAN", replace(arms.PLAN, epochs=1))
    monkeypatch.setattr(arms, "STORE_STEPS", 2)
    monkeypatch.setattr(arms, "STEPS", {8: 2})
    return start


def test_every_arm_is_what_its_name_says():
    assert arms.spec("none").transform is None and not arms.spec("none").adversary
    recipe = arms.spec("occlusion").transform
    assert recipe is not None and recipe.boxes and recipe.quality is None
    recipe = arms.spec("compression").transform
    assert recipe is not None and not recipe.boxes and recipe.quality is not None
    assert arms.spec("online_alone").transform is None
    for family, rungs in arms.FRONTIER.items():
        for level, name in rungs.items():
            assert arms.spec(name).level == level and arms.spec(name).adversary == "online"
            assert (arms.spec(name).transform is None) == (family == "online_alone")
    with pytest.raises(BadInput, match="no arm 'statik'"):
        arms.spec("statik")


@pytest.mark.parametrize("name", ["none", "static", "online_alone"])
def test_an_arm_is_trained_once_and_kept_in_half_precision(short, monkeypatch, name):
    before = [p.clone() for p in short.parameters()]
    net = arms.arm(name)
    assert arms.is_ready(name) and not net.training
    assert all(torch.equal(a, b) for a, b in zip(before, short.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert all(torch.equal(p, p.half().float()) for p in net.parameters())
    monkeypatch.setattr(arms, "tuned", lambda *a, **k: pytest.fail("trained again"))
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), arms.arm(name).parameters(), strict=True))
    deployed = arms.defended(name, draws=2)
    assert isinstance(deployed, DefendedModel) == (name == "static")


def test_the_adversary_works_without_the_mirror_average_and_leaves_the_mode_alone(short):
    net = SpatialNet()
    x = torch.rand(2, 1, 64, 64)
    whole = arms.OneWay(net.eval())(x) + arms.OneWay(net)(x.flip(-1))
    assert torch.allclose(whole / 2, net(x), atol=1e-5)
    net.train()
    batch = (x, torch.tensor([0, 1]), torch.zeros(2, len(mime.UNITS)))
    foe = arms.adversary(arms.spec("online"), net)
    assert foe is not None
    changed = foe(batch, torch.Generator().manual_seed(0))[0]
    assert 0 < (changed - x).abs().max() <= 8 / 255 + 1e-6 and net.training
    assert arms.adversary(arms.spec("both"), net) is None


def test_run_trains_what_is_named_and_ships_it(short, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(checkpoints, "WEIGHTS", tmp_path)
    monkeypatch.setattr(defense_arms, "validated", lambda name: 0.5)
    defense_arms.run(only=("both", "none"))
    assert "both: trained" in capsys.readouterr().out
    defense_arms.run(only=("both",))
    assert "both: was there" in capsys.readouterr().out
    model, card = defended.load("both"), checkpoints.read_card("spatial_both")
    assert card.metrics == {"validate_accuracy": 0.5} and card.recipe == "toy"
    kept = arms.arm("both")
    assert all(torch.equal(a, b) for a, b in zip(model.model.parameters(), kept.parameters(), strict=True))
    assert not (tmp_path / "spatial_none.json").exists()


def test_arms_that_are_shipped_need_no_training(short, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(checkpoints, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(defense_arms, "validated", lambda name: 0.5)
    few = ("none", "both", "occlusion")
    defense_arms.run(only=("none", "both"))
    assert defense_arms.shipped_together() == ("none",)
    defense_arms.run(only=few)
    assert defense_arms.shipped_together() == ("none", "occlusion")
    before = {name: arms.arm(name).state_dict() for name in few}
    for name in few:
        (arms.home() / f"{name}.npz").unlink()
    monkeypatch.setattr(arms, "tuned", lambda *a, **k: pytest.fail("trained again"))
    capsys.readouterr()
    defense_arms.run(only=few)
    assert capsys.readouterr().out.count("was there") == 3
    for name in few:
        now = arms.arm(name).state_dict()
        assert all(torch.equal(now[key], value) for key, value in before[name].items())


def test_shipped_arms_of_another_recipe_are_left_alone(short, monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoints, "WEIGHTS", tmp_path / "weights")
    defense_arms.run(only=("none",))
    assert defense_arms.shipped_together() == ("none",)
    monkeypatch.setattr(arms, "recipe", lambda: "another")
    defense_arms.adopt()
    assert not arms.is_ready("none") and defense_arms.shipped_together() == ()


def test_the_package_ships_arms_by_the_recipe_in_force():
    names = defense_arms.shipped_together()
    assert "none" in names and set(names) <= set(arms.ARMS) - set(defended.SHIPPED)
    nets = checkpoints.load(defense_arms.TOGETHER, defense_arms.Arms)[0]
    with torch.no_grad():
        x = torch.rand(2, 1, 64, 64)
        said = {name: net(x) for name, net in nets.items()}
    assert tuple(said) == names and all(s.shape == (2, 7) and s.isfinite().all() for s in said.values())
