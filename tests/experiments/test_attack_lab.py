"""What the attack experiments share, on toys: parts, scores, rungs, and records that say what they are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from fer_nb import results
from fer_nb.attacks import under_attack
from fer_nb.experiments import _attack_lab as lab
from fer_nb.gradient_attacks import pgd
from tests.attack_toys import Still, victims


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(lab, "recipe", lambda: "toy")


def test_a_clip_without_a_face_is_an_error():
    who = victims(missed=1)
    assert len(who) == 10 and len(who.x) == 9
    assert who.score(np.ones(9)).value == pytest.approx(0.9)
    assert who.score(who.y == who.y).value == pytest.approx(0.9)


def test_a_part_has_as_many_clips_of_each_person():
    part = victims(people=4).some(2)
    assert sorted(part.people) == sorted(["p0", "p1", "p2", "p3"] * 2) and not part.missed
    assert [c.source for c in part.clips] == [f.source for f in part.faces]
    assert [c.source for c in victims(people=4).some(2).clips] == [c.source for c in part.clips]


def test_what_is_kept_is_not_made_again():
    made = []

    def make():
        made.append(1)
        return {"a": np.arange(3)}

    assert lab.kept("unit", make)["a"].tolist() == lab.kept("unit", make)["a"].tolist() == [0, 1, 2]
    assert len(made) == 1


def test_rungs_go_down_and_what_fell_stays_down():
    who, model = victims(), under_attack(Still())
    rungs = lab.climb(
        "pgd", lambda e: lambda m, x, y: pgd(m, x, y, epsilon=e, steps=4), model, who.x, who.y, (1, 8, 40)
    )
    hits = [rung.right for rung in rungs]
    assert all((b <= a).all() for a, b in pairwise(hits)) and hits[-1].sum() == 0
    assert all(rung.largest <= rung.level + 1e-3 for rung in rungs) and rungs[0].gradients == 4
    after = lab.climb("none", lambda e: lambda m, x, y: x, model, who.x, who.y, (1,), carry=False)
    assert after[0].right.all() and after[0].largest == 0


def test_records_say_on_whom_and_how_many():
    who = victims()
    made = lab.record("attack.toy", who.score(torch.ones(9)), who, unit="accuracy", command="make toy")
    assert results.load("attack.toy") == made
    assert (made.n, made.split, made.low <= made.value <= made.high) == (10, "validate", True)
    held = lab.hypotheses("attack.toy.held", {"a": True, "b": False}, "validate", command="make toy")
    assert (held.value, held.n, held.note) == (1, 2, "a held; b failed")


def test_the_test_block_is_not_the_default():
    assert lab.SPLIT == "validate"
