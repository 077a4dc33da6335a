"""Attacks on stills, on toys: every record is written, and hypotheses compare like with like."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.experiments import _attack_lab as lab
from fer_nb.experiments import attack_images as images
from tests.attack_toys import Still, victims

pytest.importorskip("foolbox")
pytest.importorskip("torchattacks")


@pytest.fixture
def small(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(lab, "recipe", lambda: "toy")
    monkeypatch.setattr(lab, "victims", lambda split, people: victims())
    monkeypatch.setattr(images.spatial, "load", Still)
    monkeypatch.setattr(images, "QUERIES", 20)
    monkeypatch.setattr(images, "MINIMIZERS", {k: (e, 8) for k, (e, _) in images.MINIMIZERS.items()})
    bounded = images.bounded
    cheap = {"AutoAttack": ("APGD", 2), "APGD": ("APGD", 2), "PGD": ("PGD", 4)}

    def quick(name, epsilon, **options):
        name, steps = cheap.get(name, (name, options.get("steps")))
        return bounded(name, epsilon, **{**options, "steps": steps})

    monkeypatch.setattr(images, "bounded", quick)
    return tmp_path


def test_run_writes_its_records_and_tables_and_a_second_run_attacks_nothing(small, monkeypatch):
    images.run()
    assert {r.id for r in results.all_records()} == set(images.RECORDS)
    clean, hit = results.load("attack.clean"), results.load("attack.pgd_undefended")
    assert clean.value == pytest.approx(0.9) and hit.value < clean.value and hit.target == 0.05
    assert hit.split == "validate" and hit.n == 10
    table = pd.read_csv(small / images.CURVES)
    assert set(table["attack"]) == {"noise", "FGSM", "PGD", images.AGAIN, "APGD", "Square", "AutoAttack"}
    assert (table["largest"] <= table["level"] + 1e-3).all()
    again, gain = results.load("attack.pgd_restarts.eps1"), results.load("attack.pgd_restarts.over_pgd")
    assert "5 restarts" in again.note and again.n == 6 and gain.low <= gain.value <= gain.high
    assert len(pd.read_csv(small / images.SMALLEST)) == len(images.MINIMIZERS)
    first = {r.id: r.value for r in results.all_records()}
    monkeypatch.setattr(lab, "launch", None)
    monkeypatch.setattr(images, "launch", None)
    images.run()
    assert {r.id: r.value for r in results.all_records()} == first


def test_parts_are_compared_on_the_same_clips():
    who = victims()
    part = who.some(1)
    left = np.zeros(9)
    left[images._rows_of(who, part)] = 1  # PGD leaves exactly the clips of the part

    def rungs(levels, right):
        return [lab.Rung(k, right, 1.0, 1.0, 1.0) for k in levels]

    found = {
        "PGD": (who, rungs(images.LEVELS, left)),
        "FGSM": (who, rungs(images.LEVELS, np.ones(9))),
        "noise": (who, rungs(images.NOISE, np.ones(9))),
        "Square": (part, rungs(images.LEVELS, np.array([1.0, 1.0, 0.0]))),
        "AutoAttack": (part, rungs((1, 8), np.ones(3))),
    }
    held = images.verdicts(found, 1.0)
    assert tuple(held) == images.HYPOTHESES
    assert held == {
        "noise_is_harmless": False, "steps_beat_one": True, "white_beats_black": False,
        "auto_adds_little": True,
    }  # fmt: skip
