"""The whole system as a black box, on toys."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.experiments import _attack_lab as lab
from fer_nb.experiments import attack_end_to_end as boxes
from fer_nb.prediction import Models
from tests.attack_toys import victims
from tests.test_video_attacks import Detector, Moves, Pixels

pytest.importorskip("torchattacks")


class Tracker(Detector):
    """The toy detector with the ways of a tracker."""

    @classmethod
    def static(cls):
        return cls()

    def close(self):
        pass


@pytest.fixture
def small(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(lab, "recipe", lambda: "toy")
    monkeypatch.setattr(lab, "victims", lambda split, people: victims(people=4, each=2))
    monkeypatch.setattr(boxes, "FaceTracker", Tracker)
    monkeypatch.setattr(boxes, "shipped_models", lambda: Models(Moves(), Pixels()))
    monkeypatch.setattr(boxes, "FRAMES", 4)
    monkeypatch.setattr(boxes, "QUERIES", 10)
    return tmp_path


def test_run_writes_its_records_and_the_table(small, monkeypatch):
    def one(rows, number, models, tracker):
        read = number != 2
        out = {"clean": read, "fused": number == 0, "spatial": 0, "temporal": read, "noise": read}
        return {k: np.array(float(v)) for k, v in {**out, "queries": 10 * read, "lost": 2 * read}.items()}

    monkeypatch.setattr(boxes, "_one_box", one)
    boxes.run(clips=3)
    assert {r.id for r in results.all_records()} == set(boxes.RECORDS)
    turned = results.load("attack.end_to_end.turned")
    assert turned.value == 0.5 and turned.n == 2
    assert results.load("attack.end_to_end.noise_turned").value == 0  # noise turned none of the two
    assert results.load("attack.end_to_end.clean").value == pytest.approx(2 / 3)
    assert results.load("attack.end_to_end.lost_queries").value == 0.2
    assert len(pd.read_csv(small / boxes.TABLE)) == 3


def test_one_clip_is_attacked_and_counted(small):
    rows = victims(people=4, each=2)
    found = boxes._one_box(rows, 0, Models(Moves(), Pixels()), Tracker())
    assert set(found) == {*boxes.ANSWERS, "queries", "lost"}
    if found["clean"]:
        assert 0 < found["queries"] <= 14
    else:
        assert found["queries"] == 0 and found["fused"] == 0


def test_verdicts_look_at_clips_that_were_read():
    box = {name: np.array([1.0, 1.0, 1.0, 0.0]) for name in boxes.ANSWERS}
    box |= {"spatial": np.zeros(4), "fused": np.array([1.0, 1.0, 0.0, 0.0])}
    box["queries"] = np.array([500.0, 500.0, 20.0, 0.0])
    assert boxes.verdicts(box) == dict.fromkeys(boxes.HYPOTHESES, True)
    box["spatial"] = box["temporal"]
    assert not boxes.verdicts(box)["pixels_first"]
    box["fused"] = np.array([1.0, 0.0, 0.0, 0.0])
    assert boxes.verdicts(box)["fusion_resists"]  # one of three within the questions it was planned with
    box["queries"][1] = boxes.PLANNED
    assert not boxes.verdicts(box)["fusion_resists"]
