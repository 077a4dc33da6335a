"""The linear attacker, from made-up units: the map itself, its price, the plan, and the records."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_nb import results
from fer_nb.evaluation import bootstrap
from fer_nb.experiments import _reconstruction_scores
from fer_nb.experiments import reconstruction_linear as experiment
from fer_nb.experiments._reconstruction_scores import Scores
from fer_nb.experiments._reconstruction_settings import RECOMMENDED, SETTINGS
from fer_nb.provenance import command_line
from tests.reconstruction_toys import world


def quick(statistic, subjects, resamples=1000):
    """A few draws are enough for a toy."""
    return bootstrap(statistic, subjects, resamples=20)


def made_up(name: str, who) -> dict[str, np.ndarray]:
    """Return one unit: plain comes near and recognizes everyone, the others do not."""
    leaks, truth = name.startswith("plain"), who.victims.person[who.victims.apex & who.probes]
    near = {"plain": 0.9, "floor": 0.6}.get(name.split("-")[0], 0.63)
    hit = np.full(len(truth), float(leaks))
    probe = {"probe": hit + 1} if name.startswith(experiment.AVERAGED) else {}
    near = {"ssim": np.full(len(who.victims), near)}
    return {**probe, **near, "naive": 0 * hit, "parrot": hit, "probe_person": truth}


def test_a_linear_release_is_turned_back():
    x = torch.rand(40, 1, 4, 4)
    mix = torch.randn(16, 16)
    back = experiment.ridge(x.flatten(1) @ mix, x, x[:5].flatten(1) @ mix, 1e-6)
    assert back.shape == (5, 1, 4, 4) and float((back - x[:5]).abs().max()) < 0.02


def test_a_release_that_says_nothing_gives_the_mean_face():
    x = torch.rand(40, 1, 4, 4)
    back = experiment.ridge(torch.zeros(40, 3), x, torch.zeros(2, 3), 1.0)
    assert torch.allclose(back, x.mean(0).expand(2, 1, 4, 4), atol=0.01)


def test_the_price_is_chosen_among_those_given():
    who = world()
    h = who.attacker.pictures(32).flatten(1)[:, ::16]
    assert experiment.best_price(who, h, 32) in experiment.PRICES


def test_what_is_averaged_away_is_the_noise():
    who, net = world(), SETTINGS[RECOMMENDED].build().eval()
    (_, theirs), _ = experiment._means(who, net)
    (_, again), _ = experiment._means(who, net)
    torch.manual_seed(0)
    x = who.victims.pictures(32)
    with torch.no_grad():
        drawn = torch.stack([net.release(x) for _ in range(200)])
    assert torch.equal(theirs, again) and not torch.equal(drawn[0], drawn[1])
    assert float((drawn.mean(0) - theirs).abs().mean()) < 0.2 * float((drawn[0] - theirs).abs().mean())


def test_every_record_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(_reconstruction_scores, "bootstrap", quick)
    monkeypatch.setattr("fer_nb.reconstruct.LEAST_CHANCE", 1.0)  # a toy has few people
    who = world()
    made = experiment.write(Scores(who, {name: made_up(name, who) for name in experiment.plan()}), 12.34)
    assert {record.id for record in made} == set(experiment.RECORDS)
    gain = results.load("reconstruct.linear.ssim_gain.combined")
    assert results.load("reconstruct.identity_probe.averaged").value == len(np.unique(who.victims.person))
    assert gain.value == pytest.approx(0.9) and gain.command == command_line()
