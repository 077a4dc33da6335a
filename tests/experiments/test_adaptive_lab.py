"""Campaigns, on toys: what fell stays down, kept work is not done again, sides are tossed for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_nb import spatial
from fer_nb.adaptive import transfer
from fer_nb.attacks import Attacked, seeded
from fer_nb.defense import DefendedModel, Transform
from fer_nb.experiments import _adaptive_lab as lab
from tests.attack_toys import Still, victims


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, cache_folder):
    monkeypatch.setattr(lab, "recipe", lambda: "toy")
    monkeypatch.setattr(lab, "CHOICE", 4)
    monkeypatch.setattr(lab, "SCORE", 8)


def campaign(model=None) -> lab.Campaign:
    who = victims()
    return lab.Campaign("toy", model or DefendedModel(Still(), Transform(boxes=1), draws=2), who.x, who.y)


def same(x: torch.Tensor, y: torch.Tensor) -> Attacked:
    return Attacked(x, torch.zeros(len(x), 7), torch.zeros(len(x)), torch.zeros(len(x)), 1.0, 0.0)


def test_a_random_side_is_one_of_two():
    torch.manual_seed(0)
    net = spatial.SpatialNet().eval()
    x = torch.rand(8, 1, 64, 64)
    with seeded(0), torch.no_grad():
        one = lab.RandomSide(net)(x)
    with seeded(0), torch.no_grad():
        assert torch.equal(one, lab.RandomSide(net)(x))
    with torch.no_grad():
        here, there = net.head(net.maps(x)), net.head(net.maps(x.flip(-1)))
    near = [min(float((row - a).abs().max()), float((row - b).abs().max()))
            for row, a, b in zip(one, here, there, strict=True)]  # fmt: skip
    assert max(near) < 1e-4
    twin = lab.cheap_twin(DefendedModel(net, draws=3))
    assert isinstance(twin, DefendedModel) and twin.draws == 3 and isinstance(twin.model, lab.RandomSide)
    assert lab.cheap_twin(net) is net


def test_stronger_pictures_are_kept_and_weaker_ones_are_not():
    run = campaign()
    before = run.accuracy
    stage = run.launch("nothing", same)
    assert stage.taken == 0 and run.accuracy == before and set(run.by) == {"none"}
    hit = run.launch("hit", lambda x, y: transfer(Still(), x, y, epsilon=60 / 255, steps=4))
    assert hit.taken > 0 and hit.after < before and hit.gradients == 4
    standing = run.standing()
    assert len(standing) < len(run.x) and (run.strength[standing] > 0).all()
    assert run.launch("again", same).tried == len(standing)
    changed = (run.images != run.x).flatten(1).any(1)
    assert changed.tolist() == [name == "hit" for name in run.by]
    shares = run.score()
    assert shares.shape == (9,) and abs(shares.mean() - run.accuracy) < 0.2


def test_a_campaign_goes_on_from_what_is_kept(monkeypatch):
    def through(run):
        run.launch("hit", lambda x, y: transfer(Still(), x, y, epsilon=30 / 255, steps=3))
        run.grow("more", lambda n: lambda x, y: transfer(Still(), x, y, epsilon=40 / 255, steps=n), limit=4)
        return run.score(), run.by, run.stages

    first = through(campaign())
    monkeypatch.setattr(lab, "strongest", None)
    monkeypatch.setattr(lab, "share_right", None)
    again = through(campaign())
    np.testing.assert_array_equal(first[0], again[0])
    assert first[1:] == again[1:]


def test_rows_can_be_named_and_none_may_be_left():
    run = campaign(Still())
    stage = run.launch("some", same, torch.tensor([0, 2]))
    assert stage.tried == 2 and stage.alone == 1
    run.launch("all", lambda x, y: transfer(Still(), x, y, epsilon=1.0, steps=8))
    assert not len(run.standing())
    assert run.launch("none left", same).tried == 0 and run.score().sum() == 0


def test_models_have_names(monkeypatch):
    monkeypatch.setattr(lab.spatial, "load", Still)
    monkeypatch.setattr(lab.arms, "arm", lambda name: Still())
    behind = lab.model_of("static")
    assert isinstance(lab.model_of("untrained"), DefendedModel)
    assert isinstance(behind, DefendedModel) and behind.draws == lab.arms.DRAWS
    assert isinstance(lab.model_of("online_alone"), Still)  # it has no transformation
