"""Training and shipping the anonymizer, on toys: weights with a card that fits, records, verdicts."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from fer_nb import anonymize, checkpoints, results
from fer_nb.anonymize_training import Plan
from fer_nb.evaluation import Interval
from fer_nb.experiments import anonymizer
from fer_nb.experiments._anonymizer_data import Data
from tests.experiments.test_anonymizer_data import acted, donors

PLAN = Plan(epochs=2, alone=1, steps=1, batch=2)


@pytest.fixture
def small(tmp_path, monkeypatch, cache_folder):
    """Toy people, one step an epoch, folders of its own; the reader is the shipped one."""
    weights = tmp_path / "weights"
    weights.mkdir()
    for name in ("spatial.safetensors", "spatial.json"):
        shutil.copy(checkpoints.WEIGHTS / name, weights)
    monkeypatch.setattr(checkpoints, "WEIGHTS", weights)
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path / "results"))
    people = [acted(p, label) for p in (7, 8) for label in ("fear", "happiness")]
    monkeypatch.setattr(anonymizer, "load_data", lambda *_, **__: Data(donors(), people))
    monkeypatch.setattr(anonymizer, "ssim", lambda a, b: 1 - np.abs(a / 255 - b / 255.0).mean((1, 2)))
    yield tmp_path
    anonymize.load.cache_clear()


def test_run_ships_weights_with_a_card_that_fits_and_writes_its_records(small):
    anonymizer.run(donors=3, plan=PLAN)
    models = anonymize.load()
    card = checkpoints.read_card("anonymizer")
    assert models.donors == 3 and card.recipe == anonymizer.recipe(3, PLAN) and set(card.metrics)
    assert (small / "weights" / "anonymizer.safetensors").stat().st_size < 6_000_000
    assert {r.id for r in results.all_records()} == set(anonymizer.RECORDS)
    assert results.load("anonymize.ssim").split == "fit"
    assert (
        results.load("anonymize.frechet").split == "validate" and results.load("anonymize.epochs").value == 2
    )
    course = pd.read_csv(small / "results" / anonymizer.COURSE)
    assert len(course) == 2 and {"epoch", "picture", "ssim", "frechet"} <= set(course)


def test_training_in_pieces_ships_what_is_there_and_writes_records_at_the_end(small):
    assert anonymizer.run(donors=3, plan=PLAN, until=1) == []
    assert anonymize.load().donors == 3 and results.all_records() == []
    anonymizer.run(donors=3, plan=PLAN)
    assert len(results.all_records()) == len(anonymizer.RECORDS)


def test_the_recipe_follows_people_and_plan():
    keys = {anonymizer.recipe(3, PLAN), anonymizer.recipe(4, PLAN), anonymizer.recipe(3, Plan(seed=1))}
    assert len(keys) == 3


def found(**changes: float) -> dict[str, tuple[Interval, int]]:
    values = {"ssim": 0.9, "ssim.mean_face": 0.8, "follows_code": 0.8, "frechet": 1.0, "frechet.blurred": 3.0,
              "flicker": 0.6, **changes}  # fmt: skip
    return {name: (Interval(v, v - 0.01, v + 0.01), 9) for name, v in values.items()}


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ({"ssim": 0.8}, "redraws"),
        ({"follows_code": 0.7}, "follows"),
        ({"frechet": 1.6}, "looks_like_faces"),
        ({"flicker": 1.0}, "is_steady"),
    ],
)
def test_each_verdict_can_fail(change, fails):
    assert all(anonymizer.verdicts(found()).values())
    held = anonymizer.verdicts(found(**change))
    assert [name for name, yes in held.items() if not yes] == [fails]
