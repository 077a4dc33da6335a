"""Fusion under attack, on toys: a change goes back into the frame, and every arm is fused by every rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.crops import crop_face
from fer_nb.experiments import _attack_lab as lab
from fer_nb.experiments import attack_fusion as attack
from tests.attack_toys import Motion, Still, victims
from tests.faces import mesh


class Tracker:
    """Finds the face where it rests."""

    @classmethod
    def static(cls):
        return cls()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __call__(self, frame):
        return mesh().astype(np.float32)


@pytest.fixture
def small(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(lab, "recipe", lambda: "toy")
    monkeypatch.setattr(lab, "victims", lambda split, people: victims())
    monkeypatch.setattr(attack.spatial, "load", Still)
    monkeypatch.setattr(attack.temporal, "load", Motion)
    monkeypatch.setattr(attack, "FaceTracker", Tracker)
    monkeypatch.setattr(attack, "STEPS", 3)
    moving = attack.landmark_attacks.landmark_pgd
    once = lambda *given, **options: moving(*given, **{**options, "steps": 1})  # noqa: E731
    monkeypatch.setattr(attack.landmark_attacks, "landmark_pgd", once)
    return tmp_path


def test_run_writes_its_records_and_the_table(small):
    attack.run()
    assert {r.id for r in results.all_records()} == set(attack.RECORDS)
    clean, hit = (results.load(f"fusion.attack_resilience.spatial.{arm}") for arm in ("clean", "eps8"))
    assert clean.value == pytest.approx(0.9) and hit.value < clean.value
    kept = [results.load(f"fusion.attack_resilience.temporal.{arm}").value for arm in ("clean", "eps8")]
    assert kept[0] == kept[1]  # frozen landmarks
    healed = results.load("fusion.attack_resilience.spatial.apex_stayed").value
    moved = results.load("fusion.attack_resilience.apex_moved").value
    assert healed <= min(1 - moved, results.load("fusion.attack_resilience.spatial.redetected").value)
    table = pd.read_csv(small / attack.TABLE)
    by_rule = table.set_index(["arm", "rule"])["value"]
    for arm in attack.COMPARED:  # a mean of differences is the difference of the means
        for rule in attack.RIVALS:
            gap = results.load(attack.against_shipped(rule, arm))
            assert gap.value == pytest.approx(by_rule[arm, rule] - by_rule[arm, "shipped"], abs=1e-3)
            assert gap.low <= gap.value <= gap.high and gap.n == 10
    assert set(table["arm"]) == set(attack.ARMS) and {"shipped", "Borda", "spatial"} <= set(table["rule"])


def test_a_comparison_clip_by_clip_counts_only_clips_on_which_the_rules_differ():
    one, other = (np.array(hits, bool) for hits in ([1, 1, 0, 0, 1], [1, 0, 1, 0, 0]))
    assert attack.gain(one, other).tolist() == [0, 1, -1, 0, 1]
    who = victims()
    same = np.ones(len(who.faces), bool)
    assert vars(who.score(attack.gain(same, same))) == {"value": 0, "low": 0, "high": 0}


def test_a_change_of_the_crop_comes_back_in_the_crop():
    points, rng = mesh(), np.random.default_rng(0)
    frame = np.full((160, 160, 3), 120, np.uint8)
    smooth = 20 * np.sin(np.arange(64) / 6)[:, None] * np.ones((1, 64))
    before, after = (
        crop_face(f, points).astype(int) for f in (frame, attack.written_back(frame, points, smooth))
    )
    inside = np.zeros((64, 64), bool)
    inside[20:40, 20:44] = True
    assert np.abs((after - before) - smooth)[inside].max() < 4
    assert np.array_equal(attack.written_back(frame, points, np.zeros((64, 64))), frame)
    fine = 8 * rng.choice([-1, 1], (64, 64))
    left = crop_face(attack.written_back(frame, points, fine), points).astype(int) - before
    assert np.abs(left)[inside].mean() < 8  # fine patterns lose some of their strength


def test_a_face_that_is_lost_leaves_a_gap():
    who = victims()
    face = attack.seen_again(
        who.clips[0], who.faces[0], np.zeros((64, 64)), lambda frame: np.full((478, 3), np.nan, np.float32)
    )
    row = who.faces[0].apex
    assert not face.found[row] and face.found.sum() == len(face) - 1 and face.apex != row


def test_every_rule_answers_and_ties_are_settled():
    z = np.random.default_rng(0).normal(size=(2, 5, 7))
    said = attack.answers(z)
    assert {"temporal", "spatial", "sum", "Borda", "mix M1", "standardized logits", "shipped"} <= set(said)
    assert all(answer.shape == (5,) for answer in said.values())
    assert np.array_equal(said["spatial"], z[1].argmax(-1))


def test_verdicts():
    rules = ("sum", "product", "Borda", "vote")
    hit, back = "spatial 8/255", "spatial 8/255, re-detected"
    left = {(arm, rule): 0.8 for arm in attack.ARMS for rule in (*rules, *attack.BRANCHES)}
    left |= {(hit, rule): 0.4 for rule in rules} | {(hit, "product"): 0.3, (hit, "spatial"): 0.0}
    left |= {(back, "spatial"): 0.5} | {("both", rule): 0.1 for rule in rules}
    held = attack.verdicts(left)
    assert tuple(held) == attack.HYPOTHESES and all(held.values())
