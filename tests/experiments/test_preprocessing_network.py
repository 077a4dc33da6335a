"""The ladder with a network, on toys: which stills it sees, what is watched, what is kept and recorded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from fer_nb import results, spatial
from fer_nb.experiments import preprocessing as pre
from fer_nb.experiments import preprocessing_network as net
from tests.experiments.test_preprocessing import toy_stills


@pytest.fixture
def small(monkeypatch, cache_folder, tmp_path):
    """Toy stills, a tiny network, two epochs."""

    def stills(block, shifted=False):
        return toy_stills(6 if block == "fit" else 3, pre.STILLS if block == "fit" else 1, seed=int(shifted))

    monkeypatch.setattr(pre, "stills", stills)
    monkeypatch.setattr(pre, "PEOPLE", (2, 3))
    monkeypatch.setattr(net, "PEOPLE", 3)
    monkeypatch.setattr(net, "SEEDS", (0, 1))
    monkeypatch.setattr(net, "PLAN", replace(net.PLAN, epochs=2))
    monkeypatch.setattr(net, "NET", {"growth": 4, "layers": (1, 1, 1), "stem": 4})
    monkeypatch.setattr(net, "DRAWS", 48)
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path / "results"))
    for module in (pre, net):
        module.folder.cache_clear()
    yield tmp_path
    for module in (pre, net):
        module.folder.cache_clear()


def test_only_arms_that_even_out_light_keep_the_normalization():
    kept = {arm.name for arm in pre.LADDER if isinstance(net.network(arm).normalize, spatial.Normalize)}
    assert kept == {"normalized", "full"}


def test_an_epoch_has_the_same_size_for_any_number_of_stills():
    for count in (12, 200, 2800):
        x = torch.arange(float(count)).view(count, 1, 1, 1).expand(-1, -1, 64, 64)
        y, units = torch.arange(count), torch.arange(float(count))[:, None]
        seen = list(net.epoch(x, y, units, (), np.random.default_rng(0)))
        drawn, labels, moved = (torch.cat(parts) for parts in zip(*seen, strict=True))
        assert len(drawn) == net.DRAWS and torch.equal(drawn[:, 0, 0, 0], moved[:, 0])
        assert torch.equal(drawn[:, 0, 0, 0].long(), labels)
        counts = torch.bincount(labels, minlength=count)
        assert counts.max() - counts.min() <= 1


def test_the_watch_prefers_the_last_epoch_and_looks_now_and_then():
    model = torch.nn.Flatten()
    x, y = torch.eye(3).view(3, 1, 1, 3), torch.tensor([0, 1, 0])
    watch = net.Watch(sets=[(x, y), (x, torch.arange(3))], every=2)
    assert [watch(model) for _ in range(4)] == [1, 2, 3, 4]
    assert watch.course == [[2.0, pytest.approx(2 / 3), 1.0], [4.0, pytest.approx(2 / 3), 1.0]]


def test_training_is_kept_and_the_same_for_a_seed(small, monkeypatch):
    job = net.Job(pre.FULL, 3, 0)
    first = net.finished(job)
    assert first["train"].shape == (21,) and first["validate"][-1] == -1  # no face: no answer
    assert first["course"][:, 0].tolist() == [2.0, 4.0]  # augmented: twice as long
    again = net.train(job)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    monkeypatch.setattr(net, "train", lambda job: pytest.fail("trained twice"))
    assert np.array_equal(net.finished(job)["validate"], first["validate"])


def test_labels_of_validate_do_not_reach_the_weights(small, monkeypatch):
    job = net.Job(pre.FULL, 2, 1)
    before, stills = net.train(job), pre.stills

    def permuted(block, shifted=False):
        kept = dict(stills(block, shifted))
        if block != "fit":
            kept["labels"] = kept["labels"][::-1].copy()
        return kept

    monkeypatch.setattr(pre, "stills", permuted)
    assert np.array_equal(net.train(job)["validate"], before["validate"])


def test_run_writes_every_record_and_table(small, monkeypatch):
    truth = toy_stills(3)["labels"]

    def fake(job):
        watched = (
            np.array([[1, 0.5, 0.3], [2, 0.9, 0.4]]) if job.arm.name in net.WATCHED else np.zeros((0, 3))
        )
        known = dict.fromkeys(("train", "own", "shift"), truth)
        said = np.where(np.arange(21) < 10 + job.seed, truth, -1)
        return known | {"validate": said, "course": watched}

    monkeypatch.setattr(net, "finished", fake)
    net.run(workers=1, progress=False)
    found = {path.name.removesuffix(".json") for path in (small / "results").glob("*.json")}
    assert found == set(net.RECORDS)
    accuracy = results.load("preprocess.network.accuracy.full")
    assert accuracy.value == pytest.approx(10.5 / 21) and accuracy.per_seed == pytest.approx(
        (10 / 21, 11 / 21)
    )
    assert results.load("preprocess.network.gap.full").value == pytest.approx(50)
    assert results.load("preprocess.network.augmentation_gain").value == 0
    table, curves = (pd.read_csv(small / "results" / name) for name in net.TABLES)
    assert len(table) == 8 and set(curves.arm) == set(net.WATCHED) and len(curves) == 8
