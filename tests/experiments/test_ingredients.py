"""The study of ingredients on toy answers: who loses what, which hypotheses hold, what is written."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from fer_nb import evaluation, results
from fer_nb.errors import BadInput
from fer_nb.experiments import ingredients
from fer_nb.experiments._arms import Arm
from fer_nb.experiments._ingredients_lab import MIME, REAL
from fer_nb.experiments._switches import INGREDIENTS

EVERY = tuple(dict.fromkeys(MIME + REAL["temporal"] + REAL["spatial"]))
PEOPLE = [f"p{i}" for i in range(10)]


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Intervals of toys need no thousand draws."""
    monkeypatch.setattr(ingredients.lab, "bootstrap", partial(evaluation.bootstrap, resamples=20))


def right(share: float) -> np.ndarray:
    """Three seeds that read the same share of ten clips of ten people."""
    return np.repeat((np.arange(10) < round(10 * share))[None].astype(float), 3, axis=0)


def toy_hits(real: bool = True, **lower: float) -> ingredients.Hits:
    """All arms read 0.9 but those named, as in light_spatial=0.5."""
    return {
        (name, branch): {
            m: right(lower.get(f"{name}_{branch}", 0.9)) for m in MIME + (REAL[branch] if real else ())
        }
        for name in ingredients.arms()
        for branch in ingredients.branches_of(name)
    }


HELD = {"furrows_spatial": 0.2, "prototypes_temporal": 0.1, "style_temporal": 0.3, "shape_spatial": 0.3,
        "light_spatial": 0.4, "repainting_spatial": 0.3}  # fmt: skip


def lost(**lower: float):
    hits = toy_hits(**lower)
    return ingredients.losses(hits, dict.fromkeys(EVERY, PEOPLE))


def test_arms_have_all_ingredients_or_all_but_one():
    arms = ingredients.arms()
    assert arms["all"] == Arm() and arms["again"] == Arm(takes=1) and len(arms) == 2 + len(INGREDIENTS)
    assert ingredients.branches_of("repainting") == ("spatial",)


def test_points_lost_and_their_sign():
    found = lost(pose_temporal=0.5)
    loss = found["pose", "temporal", "validate"]
    assert loss.points.value == pytest.approx(40) and loss.share.value == 0.5 and loss.clear
    assert loss.per_seed == pytest.approx((40, 40, 40)) and loss.sure() and not loss.sure(-1)
    assert not found["pose", "spatial", "validate"].clear  # nothing lost, nothing clear
    assert lost(all_temporal=0.5)["pose", "temporal", "shift"].sure(-1)


def test_a_loss_on_which_seeds_differ_is_not_clear():
    hits = toy_hits()
    hits["pose", "temporal"]["shift"] = np.concatenate([right(0.0)[:2], right(1.0)[:1]])
    loss = ingredients.losses(hits, dict.fromkeys(EVERY, PEOPLE))["pose", "temporal", "shift"]
    assert loss.points.low > 0 and not loss.clear


def test_the_whole_set_is_needed():
    hits = {key: value for key, value in toy_hits().items() if key[0] != "all"}
    with pytest.raises(BadInput, match="train the arm 'all' first"):
        ingredients.losses(hits, dict.fromkeys(EVERY, PEOPLE))


def test_hypotheses_hold_and_fail():
    held = ingredients.verdicts(lost(**HELD))
    assert tuple(held) == ingredients.HYPOTHESES and all(held.values())
    lower = {"light_temporal": 0.0, "shape_temporal": 0.3, "camera_spatial": 0.1}
    failed = ingredients.verdicts(lost(all_temporal=0.5, **lower))
    assert not any(failed.values())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for results, and toy answers in place of trainings."""
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(ingredients.lab, "tests", lambda workers=None: None)
    monkeypatch.setattr(ingredients.lab, "people_of", lambda measure, asked: PEOPLE)
    return tmp_path


def answered(monkeypatch, hits: ingredients.Hits) -> None:
    """Let arms answer as in a table; arms are told apart by their name."""
    names = {arm.name: name for name, arm in ingredients.arms().items()}
    monkeypatch.setattr(
        ingredients.lab, "scored", lambda arm, branch, workers=None: hits[names[arm.name], branch]
    )


def test_run_writes_a_record_for_each_id_and_the_table(folder, monkeypatch):
    answered(monkeypatch, toy_hits(**HELD))
    made = ingredients.run()
    assert {r.id for r in made} == set(ingredients.RECORDS) == {r.id for r in results.all_records()}
    style = results.load("ingredients.style.temporal_london")
    assert (style.value, style.unit, style.dataset, style.n) == (pytest.approx(60), "points", "london", 10)
    assert len(style.per_seed) == 3 and style.low <= style.value <= style.high
    assert results.load("ingredients.all.spatial_validate").value == 0.9
    clear = results.load("ingredients.clear")
    assert (clear.value, clear.n) == (2 * 3 + 4 * 4, 10 * 7 + 3 + 4)
    assert results.load("ingredients.hypotheses_held").value == len(ingredients.HYPOTHESES)
    table = pd.read_csv(folder / ingredients.TABLE)
    assert len(table) == (10 + 2) * 12 + 2 * 6 and set(table.measure) == set(EVERY)
    assert table[table.left_out == "all"].lost.eq(0).all() and not table[table.left_out == "all"].clear.any()


def test_without_real_stills_their_column_is_missing(folder, monkeypatch, capsys):
    answered(monkeypatch, toy_hits(real=False))
    monkeypatch.setattr(ingredients.lab, "real", lambda: False)
    made = ingredients.run()
    assert "no real stills" in capsys.readouterr().out
    assert not any("london" in record.id for record in made)
    assert results.load("ingredients.hypotheses_held").n == len(ingredients.HYPOTHESES) - 3


def test_single_arms_write_nothing(folder, monkeypatch):
    answered(monkeypatch, toy_hits())
    assert ingredients.run(only=["pose"]) == [] and list(folder.iterdir()) == []
