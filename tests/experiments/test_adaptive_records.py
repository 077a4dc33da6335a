"""What the adaptive suite says of its hypotheses, on toys; what it writes is tested with the suite."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fer_nb.evaluation import Interval
from fer_nb.experiments import _adaptive_records as plan
from tests.attack_toys import victims


def test_hypotheses_read_what_was_found():
    who = victims(missed=0)
    one = plan.Found(who, np.zeros(9), np.ones(9), np.ones(9), np.ones(9), (), plateau=2,
                      part={"square": 0.5, "square_eot": 0.4, "label": 0.6, "label_eot": 0.5})  # fmt: skip
    found = {(name, plan.MOST): one for name in plan.ARMS}
    scores = {(name, plan.MOST): Interval(0.05, 0.0, 0.1) for name in plan.ARMS}
    scores["online", plan.MOST] = Interval(0.4, 0.3, 0.5)
    held = plan.verdicts(found, scores)
    assert tuple(held) == plan.HYPOTHESES and all(held.values())
    bad = replace(one, noise=np.zeros(9), plateau=1, part={**one.part, "square": 0.1})
    found = dict.fromkeys(found, bad)
    scores = {key: Interval(0.6, 0.5, 0.7) for key in scores}
    assert not any(plan.verdicts(found, scores).values())


def test_every_record_has_one_name():
    assert len(set(plan.RECORDS)) == len(plan.RECORDS)
    assert "adaptive.breaks_known" in plan.RECORDS and "defense.online.adaptive.eps2" in plan.RECORDS


def test_a_large_block_is_cut_and_a_small_one_taken_whole(monkeypatch):
    asked = []
    monkeypatch.setattr(plan.attack_lab, "victims", lambda split, people: asked.append((split, people)))
    for split in ("validate", "test"):
        plan.group(split)
    assert asked == [("validate", 50), ("test", 100)]
