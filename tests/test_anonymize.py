"""The anonymizer on toys: shapes, what passes from a face to its release, donors, weights and their card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from fer_nb import anonymize, checkpoints, spatial
from fer_nb.checkpoints import Card
from fer_nb.errors import BadInput
from tests.faces import sequence


@pytest.fixture(scope="module")
def models() -> anonymize.Models:
    torch.manual_seed(0)
    return anonymize.Models(spatial.SpatialNet().eval(), anonymize.Anonymizer(donors=5).eval())


def crops(count: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 255, (count, 64, 64)).astype(np.uint8)


def test_the_code_is_twenty_two_units_and_two_sines(models):
    codes = anonymize.read(crops(3), models)
    assert codes.shape == (3, 24) and codes.dtype == np.float32
    assert (codes[:, :22] > 0).all() and (codes[:, :22] < 1).all()
    assert anonymize.read(crops(0), models).shape == (0, 24)


def test_units_of_a_face_and_its_mirror_image_are_the_same_but_the_pose_is_not(models):
    one, other = anonymize.read(crops(2), models), anonymize.read(crops(2)[:, :, ::-1], models)
    assert np.allclose(one[:, :22], other[:, :22], atol=1e-5)
    assert not np.allclose(one[:, 22:], other[:, 22:], atol=1e-3)


def test_a_release_has_the_shape_of_the_clip_and_depends_on_the_donor(models):
    face = sequence(frames=7)
    out = anonymize.release(face, 0, models=models)
    assert out.shape == face.crops.shape and out.dtype == np.uint8
    assert np.array_equal(out, anonymize.release(face.crops, 0, fps=face.fps, models=models))
    assert not np.array_equal(out, anonymize.release(face, 1, models=models))


def test_only_the_code_passes_through(models, monkeypatch):
    """Two clips with the same codes give the same release, whoever is in them."""
    fixed = np.full((4, 24), 0.3, np.float32)
    monkeypatch.setattr(anonymize, "read", lambda crops, models: fixed)
    one, two = (anonymize.release(crops(seed=s), 2, models=models) for s in (0, 1))
    assert np.array_equal(one, two)


def test_frames_without_a_face_stay_black(models):
    given = crops(4)
    given[1] = 0
    out = anonymize.release(given, 3, models=models)
    assert not out[1].any() and out[[0, 2, 3]].any((1, 2)).all()
    assert not anonymize.release(np.zeros_like(given), 3, models=models).any()


@pytest.mark.parametrize("donor", [-1, 5, "anna", 1.0, None])
def test_an_unknown_donor_is_refused(models, donor):
    with pytest.raises(BadInput, match=r"unknown donor .*: give a number from 0 to 4"):
        anonymize.release(crops(), donor, models=models)


@pytest.mark.parametrize("given", [crops().astype(float), crops()[0], crops()[:, :32]])
def test_other_shapes_and_types_are_refused(models, given):
    with pytest.raises(BadInput, match=r"give \(T, 64, 64\) uint8"):
        anonymize.release(given, 0, models=models)


def test_smoothing_keeps_what_is_constant_and_calms_what_jumps():
    codes = np.random.default_rng(0).normal(size=(40, 3))
    calm = anonymize.steady(codes, 25.0)
    assert np.abs(np.diff(calm, axis=0)).mean() < 0.6 * np.abs(np.diff(codes, axis=0)).mean()
    assert np.allclose(anonymize.steady(np.ones((5, 2)), 25.0), 1)
    assert anonymize.steady(codes, 25.0, seconds=0) is codes
    assert anonymize.steady(codes[:1], 25.0) is not None and len(anonymize.steady(codes[:1], 25.0)) == 1


def test_the_head_keeps_its_movements_and_loses_its_posture(models, monkeypatch):
    codes = np.zeros((9, 24), np.float32)
    codes[:, 22] = 0.5 + 0.2 * (np.arange(9) == 4)
    monkeypatch.setattr(anonymize, "read", lambda crops, models: codes.copy())
    monkeypatch.setattr(anonymize, "steady", lambda codes, fps: codes)
    settled = anonymize.encode(crops(9), models)[:, 22]
    assert np.allclose(settled[[0, 8]], 0) and settled[4] == pytest.approx(anonymize.TURN)


def test_units_get_the_spread_of_the_true_ones_within_reason(models, monkeypatch):
    rng = np.random.default_rng(0)
    truth = rng.random((500, 22))
    read = 0.3 + 0.6 * truth
    read[:, 1] = 0.5 + 0.01 * truth[:, 1]
    gain, offset = anonymize.liven(read, truth)
    assert np.allclose((gain * read + offset)[:, 0], truth[:, 0])
    assert gain[1] == 2.0 and (gain * read + offset)[:, 1].mean() == pytest.approx(truth[:, 1].mean())
    fixed = np.full((4, 24), 0.6, np.float32)
    monkeypatch.setattr(anonymize, "read", lambda crops, models: fixed.copy())
    lively = replace(models, gain=np.full(22, 2.0), offset=np.full(22, -0.5))
    assert np.allclose(anonymize.encode(crops(), lively)[:, :22], 0.7)
    assert (anonymize.encode(crops(), replace(lively, offset=np.full(22, -2.0)))[:, :22] == 0).all()


def test_donors_by_clip_are_independent_and_by_person_stay():
    draws = anonymize.per_clip(3000, 10, seed=1)
    assert set(draws) == set(range(10)) and np.bincount(draws).min() > 200
    assert np.array_equal(draws, anonymize.per_clip(3000, 10, seed=1))
    names = [f"p{i}" for i in range(200)]
    fixed = anonymize.per_person(names, 10, secret="a")
    assert np.array_equal(fixed, anonymize.per_person(names, 10, secret="a"))
    assert not np.array_equal(fixed, anonymize.per_person(names, 10, secret="b"))
    assert len(set(fixed)) == 10


# ---------------------------------------------------------------- weights and card


def ship(folder, **changes) -> Card:
    """Write toy weights with a card that fits, but for the changes."""
    model = anonymize.Anonymizer(donors=3).half()
    arguments = {"donors": 3}
    card = Card("anonymizer", {"class": "Anonymizer", "arguments": arguments}, {}, "none", "none", 0, "0")
    path = checkpoints.save(model, card, folder / "anonymizer")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    reader = hashlib.sha256((checkpoints.WEIGHTS / "spatial.safetensors").read_bytes()).hexdigest()
    checkpoints.save(
        model,
        replace(
            card,
            input={
                "gain": [1.5] * 22,
                "offset": [0.0] * 22,
                "weights_sha256": digest,
                "reader_sha256": reader,
                **changes,
            },
        ),
        path,
    )
    return path


def test_half_precision_weights_load_as_single(tmp_path):
    models = anonymize.load(ship(tmp_path))
    assert models.donors == 3 and models.anonymizer.donors.weight.dtype == torch.float32
    assert anonymize.release(crops(2), 1, models=models).shape == (2, 64, 64)


@pytest.mark.parametrize(("field", "words"), [("weights_sha256", "weights"), ("reader_sha256", "spatial")])
def test_weights_that_do_not_match_their_card_are_refused(tmp_path, field, words):
    path = ship(tmp_path, **{field: "0" * 64})
    with pytest.raises(BadInput, match=f"the {words}.* not the one of this card: run") as error:
        anonymize.load(path)
    assert "\n" not in str(error.value)


def test_a_card_without_gain_is_refused(tmp_path):
    path = ship(tmp_path)
    card = json.loads(path.with_suffix(".json").read_text())
    del card["input"]["gain"]
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(BadInput, match="has no gain and offset of the units: run"):
        anonymize.load(path)


def test_a_card_of_another_size_is_refused(tmp_path):
    path = ship(tmp_path)
    card = json.loads(path.with_suffix(".json").read_text())
    card["architecture"]["arguments"]["donors"] = 4
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(BadInput, match="damaged weights"):
        anonymize.load(path)


def test_no_weights(tmp_path):
    with pytest.raises(BadInput, match="no such weights: run"):
        anonymize.load(tmp_path / "anonymizer")
