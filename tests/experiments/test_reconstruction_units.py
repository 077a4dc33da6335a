"""Units of the reconstruction experiment on a tiny world: what they keep; nothing is trained twice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_nb.bottleneck import Setting
from fer_nb.experiments import _reconstruction_lab as lab
from fer_nb.experiments import _reconstruction_units as units
from tests.reconstruction_toys import world


@pytest.fixture(autouse=True)
def small(monkeypatch, cache_folder):
    monkeypatch.setattr(lab, "recipe", lambda: "toy")
    monkeypatch.setattr(units, "EPOCHS", 1)
    monkeypatch.setattr(units, "ROUNDS", {32: 1, 64: 1})
    monkeypatch.setitem(units.SETTINGS, "plain", Setting(maps=2))


def test_a_study_keeps_what_records_need(monkeypatch):
    who = world()
    found = units.study(who, "plain", 32, 0, ("small",))
    stills, clips = len(who.victims), int((who.probes & who.victims.apex).sum())
    assert found["ssim.small"].shape == found["right"].shape == (stills,)
    assert found["naive.small"].shape == found["probe"].shape == found["probe_person"].shape == (clips,)
    assert found["units"].shape == (stills, units.MOVING) and found["shown.small"].dtype == np.uint8
    assert (found["ssim.small"] <= 1).all()
    monkeypatch.setattr(units, "train", lambda *_: pytest.fail("trained again"))
    assert (units.study(who, "plain", 32, 0, ("small",))["ssim.small"] == found["ssim.small"]).all()


def test_the_floor_is_told_expression_pose_and_light_only():
    who = world()
    logits = torch.randn(len(who.victims), 7)
    told = units.told(logits, who.victims)
    assert told.shape == (len(who.victims), 11)
    assert torch.allclose(told[:, :7], logits.softmax(1))
    assert torch.allclose(told[:, 10:], who.victims.light())
    assert units.floor(who, 32, 0, "small")["ssim"].shape == (len(who.victims),)


def test_originals_are_perfect_and_recognized():
    found = units.originals(world(), 32)
    assert found["ssim"] == pytest.approx(1, abs=1e-4) and found["distance"] == pytest.approx(0, abs=1e-6)
    assert found["naive"].mean() > 0.5


def test_a_linear_probe_reads_what_is_there():
    rng = np.random.default_rng(0)
    code = rng.normal(size=(80, 5))
    truth = code[:, :2] + 0.01 * rng.normal(size=(80, 2))
    said = units.probed(code[:60], truth[:60], code[60:])
    assert units.r_squared(truth[60:], said) > 0.9
    assert units.r_squared(truth, np.tile(truth.mean(0), (80, 1))) == pytest.approx(0)


def test_the_gallery_shows_one_still_of_each_victim():
    who = world()
    rows = units.gallery_rows(who)
    assert len(set(who.victims.person[rows])) == len(rows) == 4 and who.probes[rows].all()
    assert units.shown(who, who.victims.pictures(32)).shape == (4, 32, 32)
