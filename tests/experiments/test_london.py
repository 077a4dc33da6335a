"""Real smiles: the pairs, the second photograph, the shares, the records. Even ids are never opened here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fer_nb import checkpoints, results
from fer_nb.checkpoints import Card
from fer_nb.errors import BadInput, NoFace
from fer_nb.experiments import london
from fer_nb.labels import LABELS
from fer_nb.prediction import Models
from tests.faces import sequence


class Always(nn.Module):
    """Says one label whatever it sees."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self.row = torch.eye(7)[LABELS.index(label)] * 9

    def forward(self, x):
        return self.row.expand(len(x), -1)


def test_second_photograph_differs_a_little_and_follows_the_generator():
    ramp = np.linspace(60, 180, 80)
    image = np.repeat(np.add.outer(ramp, ramp)[..., None] / 2, 3, axis=2).astype(np.uint8)
    one, two = (london.again(image, np.random.default_rng(5)) for _ in range(2))
    assert (one == two).all() and one.shape == image.shape and one.dtype == np.uint8
    assert 1 < np.abs(one.astype(int) - image).mean() < 60


def test_odd_pairs_are_three_clips_of_two_stills(shared):
    number, clips = next(london.pairs("odd"))
    assert int(number) % 2 == 1 and set(clips) == set(london.TESTS)
    assert all(len(c) == 2 and c.fps == 1 for c in clips.values())
    np.testing.assert_array_equal(clips["smile"].frames[0], clips["reversed"].frames[1])
    np.testing.assert_array_equal(clips["smile"].frames[1], clips["reversed"].frames[0])


def test_unknown_ids_and_a_missing_folder(monkeypatch, tmp_path):
    with pytest.raises(BadInput, match="odd"):
        next(london.pairs("all"))
    monkeypatch.setenv("FER_NB_SHARED", str(tmp_path))
    with pytest.raises(BadInput, match="FER_NB_SHARED"):
        london.folder()


def test_happy_counts_a_face_that_was_not_found_as_a_miss():
    share = london.share_of("happiness", ["happiness"] * 3 + ["no face"])
    assert share.value == 0.75 and share.low <= 0.75 <= share.high


@pytest.mark.parametrize(("ids", "end", "looks"), [("odd", ".odd", 0), ("even", "", 1)])
def test_records_of_development_have_a_suffix_and_the_test_is_logged(ids, end, looks, monkeypatch, tmp_path):
    def toys(ids):
        clips = {test: test for test in london.TESTS}
        return iter([("001", clips), ("003", clips), ("005", {**clips, "smile": "none"})])

    def traced(clip):
        if clip == "none":
            raise NoFace("none: no face")
        return sequence(frames=2)

    monkeypatch.setattr(london, "pairs", toys)
    monkeypatch.setattr(london, "face_sequence", traced)
    monkeypatch.setattr(london, "groups", lambda ids: {"gender": ["female", "male", "male"]})
    monkeypatch.setattr(checkpoints, "WEIGHTS", tmp_path)
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path / "results"))
    about = {"class": "TemporalNet", "arguments": {}}
    card = Card("temporal", about, {}, "inside", "mime-v2", 0, "0")
    checkpoints.save(nn.Linear(1, 1), card, tmp_path / "temporal")
    london.run(ids=ids, models=Models(Always("happiness"), Always("fear")))
    assert results.load(f"real.london_temporal{end}").value == pytest.approx(2 / 3)
    assert results.load(f"real.london_spatial{end}").value == 0
    assert results.load(f"real.london_false_alarm{end}").target == 0.03
    assert results.load(f"real.london_reversed{end}").direction == "down"
    assert results.load(f"real.london_groups.gender.male{end}").n == 2
    assert results.load(f"real.london_calm.temporal{end}").value == 0
    assert results.load(f"real.london_groups.gender.female{end}").n == 1
    assert len(results.looks()) == looks


def test_groups_come_from_the_sets_own_table(shared):
    found = london.groups("odd")
    assert {len(names) for names in found.values()} == {50}
    assert set(found["gender"]) == {"female", "male"} and "white" in found["ethnicity"]
    assert set(found["age"]) <= {"under_25", "25_to_34", "35_and_over", "unknown"}
    assert london._age_group("24") == "under_25" and london._age_group("NA") == "unknown"
