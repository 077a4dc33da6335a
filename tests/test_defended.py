"""Shipped defended networks: saved in half precision with their transformation, and loaded again."""

from __future__ import annotations

import json

import pytest
import torch

from fer_nb import checkpoints, defended
from fer_nb.defense import Transform
from fer_nb.errors import BadInput
from fer_nb.spatial import SpatialNet

RECIPE = Transform(boxes=1, size=(0.2, 0.3), quality=(5, 25))


def card(name: str) -> checkpoints.Card:
    about = {"class": "SpatialNet", "arguments": {}}
    return checkpoints.Card(name, about, {"shape": ["B", 1, 64, 64]}, "inside the model", "toy", 0, "0")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "WEIGHTS", tmp_path)
    return tmp_path


def test_a_saved_arm_comes_back_behind_its_transformation(folder):
    torch.manual_seed(0)
    net = SpatialNet().eval()
    path = defended.save(net, RECIPE, card("spatial_static"), folder)
    assert path.stat().st_size < 450_000 and next(net.parameters()).dtype == torch.float32
    model = defended.load("static", draws=3)
    assert model.transform == RECIPE and model.draws == 3 and not model.training
    x = torch.rand(2, 1, 64, 64)
    assert next(model.model.parameters()).dtype == torch.float32
    assert torch.allclose(model.model(x), net(x), atol=0.05)


def test_unknown_arms_and_cards_without_a_transformation_are_refused(folder):
    with pytest.raises(BadInput, match="choose from both, static, online"):
        defended.load("statik")
    with pytest.raises(BadInput, match=r"spatial\.load"):
        defended.transform_of(card("spatial"))
    defended.save(SpatialNet(), RECIPE, card("spatial_both"), folder)
    path = folder / "spatial_both.json"
    fields = json.loads(path.read_text())
    fields["input"]["transform"]["holes"] = 2
    path.write_text(json.dumps(fields))
    with pytest.raises(BadInput, match="damaged"):
        defended.load("both")


@pytest.mark.parametrize("arm", defended.SHIPPED)
def test_what_is_shipped_can_be_loaded(arm):
    model = defended.load(arm)
    assert model.transform.boxes > 0 and model.transform.quality is not None
    assert model(torch.rand(1, 1, 64, 64)).exp().sum().item() == pytest.approx(1, abs=1e-4)
