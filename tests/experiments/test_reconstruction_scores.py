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


def test_seeds_alone_average_to_the_whole_and_one_seed_has_no_spread():
    some = scores()
    some.done["plain-32-0"]["ssim.medium"] += 0.3
    alone = some.each("plain", lambda s: s.over_people(s.stills("plain", "ssim")))
    assert len(alone) == 3 and alone[0] > alone[1] + 0.2
    assert np.mean(alone) == pytest.approx(some.stills("plain", "ssim").mean())
    del some.done["narrow-32-1"], some.done["narrow-32-2"]
    assert some.each("narrow", lambda s: s.ratio("narrow")) == ()
    assert set(some.only(1).done) == {k for k in some.done if not k.endswith(("-32-0", "-32-2"))}


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
