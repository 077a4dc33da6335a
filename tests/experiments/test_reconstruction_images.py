"""The attack on released pictures from made-up units: plan, records, void rows, hypotheses, gallery."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.cache import load_arrays
from fer_nb.evaluation import bootstrap
from fer_nb.experiments import _reconstruction_scores
from fer_nb.experiments import reconstruction_images as experiment
from tests.reconstruction_toys import world

NEAR = {"original": 0.9, "floor": 0.6, "squares": 0.8, "blur": 0.85, "k_same": 0.75}


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    for module in (_reconstruction_scores, experiment):
        monkeypatch.setattr(module, "bootstrap", quick)


def quick(statistic, subjects, resamples=1000):
    """A few draws are enough for a toy."""
    return bootstrap(statistic, subjects, resamples=20)


def made_up(unit: str, who, *, plain: float = 0.9) -> dict[str, np.ndarray]:
    """One unit: the simple methods leak and recognize everyone, lines and drawn faces do not."""
    name, attacker = unit.split(".")
    clips = int((who.victims.apex & who.probes).sum())
    order = ("small", "medium", "large", "ridge").index(attacker) if name != "floor" else 0
    near = plain if name == "original" else NEAR.get(name, 0.6) + 0.001 * order
    hit, stills = np.full(clips, float(name in NEAR and name != "floor")), len(who.victims)
    found = {"ssim": np.full(stills, near), "distance": np.full(stills, 1 - near), "naive": 0 * hit,
             "parrot": hit, "probe_person": who.victims.person[who.victims.apex & who.probes],
             "shown": np.zeros((2, 32, 32), np.uint8)}  # fmt: skip
    asked = {"as_is": np.full(stills, 0.5), "probe": hit, "price": np.array(1.0), "released": found["shown"]}
    return found | (asked if attacker == "ridge" and name != "floor" else {})


def found(monkeypatch, **about) -> tuple[experiment.Found, object]:
    """Return scores of a tiny world in which guessing is right once in 150, as among the victims."""
    monkeypatch.setattr(type(world()), "people", property(lambda self: 150))
    who = world()
    return experiment.Found(who, {name: made_up(name, who, **about) for name in experiment.plan()}), who


def test_plan_begins_with_ridge_and_asks_it_of_everything():
    names = list(experiment.plan())
    assert names[: len(experiment.lab.NAMES) + 1] == [f"{n}.ridge" for n in ("floor", *experiment.lab.NAMES)]
    assert {f"{n}.{s}" for n in experiment.SIZED for s in experiment.SIZES} <= set(names)
    assert len(names) == len(experiment.ATTACKS) == len(set(names))


def test_every_record_is_written(monkeypatch):
    scores, who = found(monkeypatch)
    made = experiment.write(scores, who, 12.34)
    assert {record.id for record in made} == set(experiment.RECORDS)
    taken = results.load("reconstruct.images.taken.k_same.medium")
    assert taken.value == pytest.approx((0.9 - 0.751) / 0.3) and taken.low <= taken.value <= taken.high
    assert results.load("reconstruct.images.identity.squares.ridge").value == 150
    assert results.load("reconstruct.images.hypotheses_held").value == len(experiment.HYPOTHESES)
    table = pd.read_csv(results.folder() / experiment.TABLE)
    assert set(zip(table.release, table.attacker, strict=True)) == set(experiment.ATTACKS)


def test_a_weak_attacker_voids_the_row(monkeypatch):
    experiment.write(*found(monkeypatch), 1.0)
    scores, who = found(monkeypatch, plain=0.65)
    made = {record.id for record in experiment.write(scores, who, 1.0)}
    assert not any(".taken." in record for record in made)
    assert not any(".taken." in path.name for path in results.folder().glob("*.json"))  # the old ones went
    assert results.load("reconstruct.images.ratio_allowed.ridge").value == 0
    assert not experiment.verdicts(scores)["originals_allow"]


def test_hypotheses_can_fail(monkeypatch):
    scores, who = found(monkeypatch)
    assert all(experiment.verdicts(scores).values())
    for name, hypothesis in (("anonymized", "redrawn_at_floor"), ("label_only", "label_at_floor"),
                             ("landmarks", "lines_at_floor")):  # fmt: skip
        scores.done[f"{name}.ridge"]["ssim"] = np.full(len(who.victims), 0.7)
        assert not experiment.verdicts(scores)[hypothesis]
    scores.done["anonymized.medium"]["parrot"][:1] = 1.0
    scores.done["squares.large"]["ssim"] = np.full(len(who.victims), 0.7)
    left = experiment.verdicts(scores)
    assert not left["redrawn_unknown"] and not left["larger_is_nearer"] and left["simple_leak"]


def test_gallery_shows_what_was_released_and_what_came_back(monkeypatch):
    scores, who = found(monkeypatch)
    experiment.write(scores, who, 1.0)
    kept = load_arrays(results.folder() / experiment.GALLERY)
    assert {"floor.ridge", "anonymized", "anonymized.ridge", "anonymized.medium"} <= set(kept)
    assert kept["squares"].dtype == np.uint8


def test_only_some_units_write_nothing(monkeypatch):
    monkeypatch.setattr(experiment, "world", lambda split: world())
    monkeypatch.setattr(experiment, "attack", lambda who, name, attacker: made_up(f"{name}.{attacker}", who))
    assert experiment.run(only=["squares.ridge"]) == [] == experiment.run(minutes=0)
    assert not list(results.folder().glob("*.json"))
