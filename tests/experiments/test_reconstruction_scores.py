"""Means over seeds and intervals over victims, from made-up units."""

from __future__ import annotations

import numpy as np
import pytest

from tests.experiments.test_reconstruction import scores


def test_seeds_are_averaged_before_people_are_drawn():
    some = scores()
    some.done["plain-32-0"]["ssim.medium"] += 0.3
    assert some.stills("plain", "ssim").mean() == pytest.approx(0.9, abs=0.01)
    assert len(some.of("plain")) == 3 and len(some.of("plain", 64)) == 1


def test_the_stronger_attacker_counts():
    some = scores()
    for unit in some.of("narrow"):
        unit["naive.medium"][:] = 0.5
    hits, way = some.clips("narrow", ("naive", "parrot"))
    assert way == "naive" and hits.mean() == 0.5
    assert some.identity("narrow").value == 0.5 * some.who.people


def test_a_ratio_moves_with_people_and_stays_in_its_interval():
    found = scores().ratio("combined")
    assert found.low <= found.value <= found.high and found.value == pytest.approx(0.9, abs=0.03)


def test_what_is_explained_is_asked_for_any_rows():
    explain = scores().explained("plain")
    assert explain(np.arange(20)) > 0.5
