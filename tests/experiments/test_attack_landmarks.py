"""Landmark attacks beside the detector's jitter, on toys."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.experiments import _attack_lab as lab
from fer_nb.experiments import attack_landmarks as landmarks
from tests.attack_toys import Motion, victims
from tests.faces import mesh


def test_run_writes_its_records_and_the_table(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(lab, "recipe", lambda: "toy")
    monkeypatch.setattr(lab, "victims", lambda split, people: victims(2, each=2))
    monkeypatch.setattr(landmarks.temporal, "load", Motion)
    monkeypatch.setattr(landmarks, "still_head_jitter", lambda: np.array([0.4, 0.6]))
    attack = landmarks.landmark_attacks.landmark_pgd
    monkeypatch.setattr(
        landmarks.landmark_attacks, "landmark_pgd", lambda *a, **k: attack(*a, **{**k, "steps": 1})
    )
    landmarks.run()
    assert {r.id for r in results.all_records()} == set(landmarks.RECORDS)
    assert results.load("attack.jitter").value == 0.5
    assert results.load("attack.landmarks.in_jitters").value == 2
    table = pd.read_csv(tmp_path / landmarks.TABLE)
    assert set(table["kind"]) == {"clean", *landmarks.KINDS}
    assert (table["jitters"] == 2 * table["pixels"]).all()


def test_jitter_comes_from_camera_noise_alone(monkeypatch):
    class Tracker:
        def __init__(self):
            self.shots = []

        def __enter__(self):
            return self

        def __exit__(self, *_):
            first = self.shots[0].astype(int)
            assert all(0 < np.abs(shot - first).mean() < 10 for shot in self.shots[1:])

        def __call__(self, frame):
            self.shots.append(frame)
            return mesh() + 0.1 * len(self.shots)

    monkeypatch.setattr(landmarks, "FaceTracker", Tracker)
    found = landmarks.still_head_jitter(people=1, frames=4)
    assert found.shape == (1,) and 0.01 < found[0] < 1


def test_verdicts_read_the_largest_bound_within_three_jitters():
    hits = {(kind, p): np.full(4, 0.9 - 0.2 * p) for kind in landmarks.KINDS for p in landmarks.PIXELS}
    hits |= {("clean", 0.0): np.full(4, 0.8)} | {("noise", p): np.full(4, 0.75) for p in landmarks.PIXELS}
    assert not landmarks.verdicts(hits, 0.2)["jitter_is_enough"]  # 0.5 px: 0.8 is left
    assert not landmarks.verdicts(hits, 0.1)["jitter_is_enough"]  # no bound is so small
    assert landmarks.verdicts(hits, 1.4) == dict.fromkeys(landmarks.HYPOTHESES, True)


@pytest.mark.parametrize(("pixels", "name"), [(0.5, "px0_5"), (4.0, "px4")])
def test_bounds_have_names_for_records(pixels, name):
    assert landmarks.slug(pixels) == name
