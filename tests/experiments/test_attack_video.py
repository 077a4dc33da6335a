"""Attacks over time, on toys."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fer_nb import results
from fer_nb.experiments import _attack_lab as lab
from fer_nb.experiments import attack_video as video
from tests.attack_toys import Still, victims
from tests.faces import sequence


def test_run_writes_its_records_and_the_table(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(lab, "recipe", lambda: "toy")
    monkeypatch.setattr(lab, "victims", lambda split, people: victims())
    monkeypatch.setattr(video.spatial, "load", Still)
    monkeypatch.setattr(video, "STEPS", 2)
    video.run()
    assert {r.id for r in results.all_records()} == set(video.RECORDS)
    table = pd.read_csv(tmp_path / video.TABLE)
    assert set(table["attack"]) == {"clean", *video.VIDEO} and results.load("attack.video.clean").n == 3


def test_the_frames_lie_around_the_apex():
    face = sequence(frames=20)
    rows = video.around_apex(face)
    assert len(rows) == video.FRAMES and (np.diff(rows) >= 0).all()
    assert face.displacement[rows].min() >= 0.6 * face.displacement.max()
    assert len(video.around_apex(sequence("neutral", frames=3))) == video.FRAMES


def test_verdicts():
    hits = {(name, k): np.full(4, 0.5) for name, levels in video.VIDEO.items() for k in levels}
    hits |= {("clean", 0.0): np.full(4, 0.8), ("flicker", 8): np.full(4, 0.78)}
    held = video.verdicts(hits)
    assert tuple(held) == video.HYPOTHESES and all(held.values())
