"""The study of people on toy answers: gains are paired, hypotheses are judged, records are written."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from fer_nb import evaluation, results
from fer_nb.experiments import people_count
from fer_nb.experiments._arms import BRANCHES
from fer_nb.experiments._ingredients_lab import MIME, REAL

EVERY = tuple(dict.fromkeys(MIME + REAL["temporal"] + REAL["spatial"]))
PEOPLE = [f"p{i}" for i in range(100)]
MEASURES = dict.fromkeys(EVERY, PEOPLE)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Intervals of toys need no thousand draws."""
    monkeypatch.setattr(people_count.lab, "bootstrap", partial(evaluation.bootstrap, resamples=20))


def right(share: float) -> np.ndarray:
    """Three seeds that read the same share of a hundred people."""
    return np.repeat((np.arange(100) < round(100 * share))[None].astype(float), 3, axis=0)


def toy_hits(temporal: list[float], spatial: list[float], real: bool = True) -> people_count.Hits:
    """A share for each number of people."""
    shares = {"temporal": temporal, "spatial": spatial}
    return {
        (count, branch): {m: right(shares[branch][k]) for m in MIME + (REAL[branch] if real else ())}
        for k, count in enumerate(people_count.COUNTS)
        for branch in BRANCHES
    }


FLAT, STEEP = [0.80, 0.85, 0.85, 0.85, 0.85], [0.3, 0.4, 0.5, 0.6, 0.7]


def test_gains_are_paired():
    gained = people_count.gains(toy_hits(FLAT, STEEP), MEASURES)
    assert gained[25, 400, "spatial", "shift"].value == pytest.approx(40)
    still = gained[100, 400, "temporal", "validate"]
    assert (still.value, still.low, still.high) == (0, 0, 0)


def test_hypotheses_hold_and_fail():
    held = people_count.verdicts(people_count.gains(toy_hits(FLAT, STEEP), MEASURES))
    assert tuple(held) == people_count.HYPOTHESES and all(held.values())
    failed = people_count.verdicts(people_count.gains(toy_hits(STEEP, FLAT), MEASURES))
    assert not any(failed.values())
    without = people_count.gains(toy_hits(FLAT, STEEP, real=False), MEASURES)
    assert tuple(people_count.verdicts(without)) == people_count.HYPOTHESES[:2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for results, and toy answers in place of trainings."""
    hits = toy_hits(FLAT, STEEP)
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(people_count.lab, "tests", lambda workers=None: None)
    monkeypatch.setattr(people_count.lab, "people_of", lambda measure, asked: PEOPLE)
    monkeypatch.setattr(
        people_count.lab, "scored", lambda arm, branch, workers=None: hits[arm.people, branch]
    )
    return tmp_path


def test_run_writes_a_record_for_each_id_and_the_table(folder):
    made = people_count.run()
    assert {r.id for r in made} == set(people_count.RECORDS) == {r.id for r in results.all_records()}
    many = results.load("ingredients.people400.spatial_validate")
    assert (
        many.value == pytest.approx(0.7) and "fit 400 people" in str(many.split) and len(many.per_seed) == 3
    )
    gain = results.load("ingredients.people25_to_400.spatial_london")
    assert gain.value == pytest.approx(40) and gain.unit == "points" and gain.dataset == "london"
    table = pd.read_csv(folder / people_count.TABLE)
    assert len(table) == 5 * 2 * 6 and {"people", "branch", "measure", "share", "seed2"} <= set(table)


def test_single_counts_write_nothing(folder):
    assert people_count.run(only=[25]) == [] and list(folder.iterdir()) == []
