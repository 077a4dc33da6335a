"""Agreement with Foolbox, on toys."""

from __future__ import annotations

import pytest

from fer_nb import results
from fer_nb.experiments import _attack_lab as lab
from fer_nb.experiments import attack_agreement as agreement
from tests.attack_toys import Still, victims

pytest.importorskip("foolbox")


def test_ours_is_theirs_and_the_records_say_so(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(lab, "recipe", lambda: "toy")
    monkeypatch.setattr(lab, "victims", lambda split, people: victims())
    monkeypatch.setattr(agreement.spatial, "load", Still)
    monkeypatch.setattr(agreement, "HALVES", (1.0, 4.0))
    agreement.run()
    assert {r.id for r in results.all_records()} == set(agreement.RECORDS)
    same = results.load("attack.foolbox_agreement")
    assert same.met and same.n == 3 and same.value <= 1e-6
    assert results.load("attack.foolbox_agreement.level").value in agreement.HALVES
    assert 0 <= results.load("attack.foolbox_agreement.accuracy").value <= 1
