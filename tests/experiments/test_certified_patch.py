"""Patches, on toys: every record is written, larger patches certify less, columns are shown as a whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from fer_nb import results
from fer_nb.experiments import _attack_lab as attack_lab
from fer_nb.experiments import certified_patch as patch
from tests.attack_toys import Still, victims
from tests.experiments.test_certified_smoothing import Net

pytest.importorskip("foolbox")


@pytest.fixture
def small(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(patch.lab, "recipe", lambda: "toy")
    monkeypatch.setattr(attack_lab, "victims", lambda split: victims(missed=0))
    monkeypatch.setattr(patch.spatial, "load", Still)
    monkeypatch.setattr(patch, "network", Net)
    monkeypatch.setattr(patch, "STEPS", 3)
    monkeypatch.setattr(patch, "WIDTHS", (16, 48))
    people = patch.lab.People((), victims().faces)
    monkeypatch.setattr(patch.lab, "fit_people", lambda: people)
    return tmp_path


def test_run_writes_its_records_and_tables_and_a_second_run_asks_nothing(small, monkeypatch):
    patch.run()
    assert {r.id for r in results.all_records()} == set(patch.RECORDS)
    at = {r.id.removeprefix("certified.patch."): r.value for r in results.all_records()}
    assert at["clean"] >= at["p05"] >= at["p10"] >= at["p15"]
    assert all(at[f"{t}.by_count"] <= at[t] for t in patch.TAGS.values())
    assert at["shipped"] == 1 and at["p10"] == at["certified.patch"]
    assert at["width"] in patch.WIDTHS and at["threshold"] in patch.THRESHOLDS
    tried = pd.read_csv(small / patch.SETTINGS)
    assert len(tried) == len(patch.WIDTHS) * len(patch.THRESHOLDS)
    assert tried["by_place"].iloc[0] == tried["by_place"].max()
    reader = tried.loc[tried["right"].idxmax()]
    assert at["reader.width"] in patch.WIDTHS and reader["right"] >= tried["right"].iloc[0]
    assert at["reader.clean"] >= at["reader.p05"] >= at["reader.p15"] and 0 <= at["reader.neutral"] <= 1
    assert len(pd.read_csv(small / patch.TABLE)) == 12
    monkeypatch.setattr(patch, "launch", None)
    monkeypatch.setattr(patch, "network", None)
    patch.run()


def test_columns_show_one_part_of_each_still():
    clean = torch.rand(5, 1, 64, 64) + 1
    ((x, labels),) = patch.columns(lambda rng: [(clean, torch.arange(5))])(np.random.default_rng(0))
    seen = (x != 0.5).all(2)[:, 0]  # (5, 64): a column is shown from top to bottom or not at all
    assert ((x != 0.5).any(2)[:, 0] == seen).all() and labels.tolist() == list(range(5))
    assert len(set(seen.sum(1).tolist())) == 1 and int(seen[0].sum()) in patch.WIDTHS


def test_a_patch_stays_in_its_place():
    masks = patch.spots(5)
    assert len(masks) == patch.PLACES and all(int(mask.sum()) == 25 for mask in masks)
    x = victims().x
    found = patch._patched(patch.under_attack(Still()), x, victims().y, mask=masks[0])
    assert torch.equal(found * (1 - masks[0]), x * (1 - masks[0])) and not torch.equal(found, x)


def test_a_certificate_asks_for_the_right_answer():
    p = np.zeros((2, 64, 7), np.float16)
    p[:, :, 3] = 1  # every position of both faces votes for class 3
    found = patch.certified(p, torch.tensor([3, 2]), 8, 0.3, 5)
    assert (
        found["right"].tolist() == found["by_count"].tolist() == found["by_place"].tolist() == [True, False]
    )
    assert not found["neutral"].any()


def test_hypotheses_read_the_records():
    scores = {"shipped": 0.9, "clean": 0.8, "p10": 0.4, "p10.by_count": 0.3, "p10.undefended": 0.2}
    held = patch.verdicts(scores)
    assert tuple(held) == patch.HYPOTHESES and all(held.values())
    assert not any(patch.verdicts(dict.fromkeys(scores, 0.3)).values())
