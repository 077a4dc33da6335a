"""Training the anonymizer on toys: it learns, goes on where it stopped, and stops when losses break."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from fer_nb import anonymize_training as training
from fer_nb.anonymize_training import Faces, Plan
from fer_nb.errors import BadInput

PLAN = Plan(epochs=2, alone=1, steps=2, batch=4)


@pytest.fixture(scope="module")
def faces() -> Faces:
    """Two people, one dark and one light; the first unit opens a mouth: a bright band."""
    rng = np.random.default_rng(0)
    people = np.arange(24) % 2
    codes = np.zeros((24, 24), np.float32)
    codes[:, 0] = rng.random(24)
    crops = np.full((24, 64, 64), 60, np.uint8) + (70 * people)[:, None, None].astype(np.uint8)
    crops[:, 40:50, 20:44] += (100 * codes[:, 0])[:, None, None].astype(np.uint8)
    return Faces(crops, codes, people)


def test_it_learns_who_and_what(faces, monkeypatch):
    monkeypatch.setattr(training, "Anonymizer", partial(training.Anonymizer, widths=(16, 8, 8, 8)))
    monkeypatch.setattr(training, "_half", nullcontext)  # half precision is slow on few maps
    plan = replace(PLAN, epochs=3, alone=3, steps=15, batch=8, learning_rate=5e-3, average=0.5)
    out = training.train(faces, plan)
    assert out.course[-1]["picture"] < 0.5 * out.course[0]["picture"]
    code = torch.zeros(2, 24)
    code[1, 0] = 1.0
    with torch.no_grad():
        dark, light = (out.model(code, torch.full((2,), d))[:, 0] for d in (0, 1))
    assert light.mean() > dark.mean() + 0.1
    assert dark[1, 40:50, 20:44].mean() > dark[0, 40:50, 20:44].mean() + 0.02


def test_a_row_for_each_epoch_with_losses_and_scores(faces):
    out = training.train(faces, PLAN, watch=lambda model: {"score": float(model.donors.num_embeddings)})
    assert [row["epoch"] for row in out.course] == [0, 1] and out.broken is None
    assert out.course[0]["score"] == 2.0 and "hinge" in out.course[1] and "hinge" not in out.course[0]


def test_a_stopped_training_goes_on_and_ends_the_same(faces, tmp_path):
    whole = training.train(faces, PLAN).model.state_dict()
    state = tmp_path / "state.pt"
    assert len(training.train(faces, PLAN, resume=state, until=1).course) == 1
    again = training.train(faces, PLAN, resume=state)
    assert len(again.course) == 2
    assert all(torch.equal(v, whole[k]) for k, v in again.model.state_dict().items())


def test_a_state_of_other_frames_or_a_damaged_one_is_not_taken_up(faces, tmp_path):
    state = tmp_path / "state.pt"
    training.train(faces, PLAN, resume=state, until=1)
    calls = []
    other = Faces(255 - faces.crops, faces.codes, faces.people)
    training.train(other, PLAN, resume=state, watch=lambda model: calls.append(1) or {})
    assert len(calls) == 2
    state.write_bytes(b"broken")
    with pytest.warns(UserWarning, match="damaged training state"):
        training.train(faces, replace(PLAN, epochs=1), resume=state)


def test_nan_keeps_the_last_good_weights(faces, monkeypatch):
    good = training.train(faces, PLAN, until=1).model.state_dict()
    step = training._Game._step

    def breaks(self, rng, alone):
        losses = step(self, rng, alone)
        return losses if alone else {**losses, "picture": float("nan")}

    monkeypatch.setattr(training._Game, "_step", breaks)
    with pytest.warns(UserWarning, match="epoch 1 broke off in NaN"):
        out = training.train(faces, PLAN)
    assert out.broken == 1 and len(out.course) == 1
    assert all(torch.equal(v, good[k]) for k, v in out.model.state_dict().items())


def test_nan_from_the_start_is_an_error(faces, monkeypatch):
    monkeypatch.setattr(training._Game, "_step", lambda self, rng, alone: {"picture": float("nan")})
    with pytest.raises(BadInput, match="not finite from the start: lower learning_rate"):
        training.train(faces, PLAN)


def test_codes_of_nan_are_refused(faces):
    with pytest.raises(BadInput, match="codes hold NaN: leave out"):
        Faces(faces.crops, np.full_like(faces.codes, np.nan), faces.people)


@pytest.mark.parametrize("change", [{"epochs": 0}, {"steps": 0}, {"batch": 0}, {"average": 1.0}])
def test_impossible_plans_are_refused(change):
    with pytest.raises(BadInput, match="plan: give"):
        Plan(**change)


def test_frames_must_fit_together(faces):
    with pytest.raises(BadInput, match="equally many"):
        Faces(faces.crops[:3], faces.codes, faces.people)


def test_where_a_mouth_moves_pixels_count_more(faces):
    weight = training.where_it_moves(torch.from_numpy(faces.crops), torch.from_numpy(faces.people))
    assert weight[45, 30] > 2 * weight[5, 5] and weight.max() <= 3
    still = torch.zeros(3, 64, 64, dtype=torch.uint8)
    assert bool((training.where_it_moves(still, torch.zeros(3, dtype=torch.long)) == 1).all())
