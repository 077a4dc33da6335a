"""Transfer, on toys: what is made on one network is shown to all."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from fer_nb import results
from fer_nb.experiments import _attack_lab as lab
from fer_nb.experiments import attack_transfer as transfer
from tests.attack_toys import Still, victims


@pytest.fixture
def small(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(lab, "recipe", lambda: "toy")
    monkeypatch.setattr(lab, "victims", lambda split, people: victims(2, each=2, missed=0))
    monkeypatch.setattr(transfer.spatial, "load", Still)
    monkeypatch.setattr(transfer, "STEPS", 3)
    return tmp_path


def test_run_writes_its_records_and_the_table(small, monkeypatch):
    monkeypatch.setattr(transfer, "trained", lambda name: Still(seed=len(name)))
    transfer.run()
    assert {r.id for r in results.all_records()} == set(transfer.RECORDS)
    assert results.load("attack.transfer.clean.shipped").value == 1
    table = pd.read_csv(small / transfer.TABLE)
    assert len(table) == 5 * 3 * len(transfer.LEVELS)
    seen = table[(table["reader"] == "shipped") & (table["level"] == 8)].set_index("source")["value"]
    assert seen["shipped"] <= seen["noise"]


def test_networks_are_trained_once_without_validate(small, monkeypatch):
    blocks, fits = [], []
    monkeypatch.setattr(transfer.mime, "block", lambda name, people: blocks.append(name) or [])
    monkeypatch.setattr(transfer, "face_sequences", lambda clips, key: [None, *victims().faces])

    def fit(net, draw, score, *, plan, loss, progress):
        fits.append((len(draw.args[0]), score(net), plan.patience == plan.epochs))
        return type("Fitted", (), {"model": net})

    monkeypatch.setattr(transfer, "fit", fit)
    first, again = transfer.trained("residual"), transfer.trained("residual")
    assert blocks == ["fit"] and fits == [(9, 0.0, True)] and not first.training
    x = torch.rand(2, 1, 64, 64)
    assert torch.allclose(first(x), again(x))


def test_an_ensemble_answers_with_the_mean():
    a, b, x = Still(seed=1), Still(seed=2), torch.rand(2, 1, 64, 64)
    assert torch.allclose(transfer.Ensemble(a, b)(x), (a(x) + b(x)) / 2, atol=1e-5)


def test_verdicts():
    left = {(s, r, 8): 0.5 for s in transfer.SOURCES for r in transfer.NETS}
    left |= {(n, n, 8): 0.0 for n in transfer.NETS} | {("residual", "shipped", 8): 0.6}
    held = transfer.verdicts(left, {"shipped": 0.8})
    assert tuple(held) == transfer.HYPOTHESES and all(held.values())
