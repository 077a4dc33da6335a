from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from fer_nb import redact
from fer_nb.errors import BadInput
from fer_nb.labels import LABELS
from tests.attack_toys import Still
from tests.faces import sequence

RNG = np.random.default_rng(0)


def noisy(label: str = "happiness", *, seed: int = 0, subject: str = "toy"):
    """A toy clip whose crops are noise, so that each frame and person differ."""
    face = sequence(label, subject=subject)
    crops = np.random.default_rng(seed).integers(0, 256, face.crops.shape, dtype=np.uint8)
    return dataclasses.replace(face, crops=crops)


@pytest.fixture
def lent() -> redact.Donors:
    """Two toy people with all classes."""
    return redact.donors(
        [noisy(label, seed=7 * p + k, subject=f"p{p}") for p in range(2) for k, label in enumerate(LABELS)]
    )


@pytest.fixture(autouse=True)
def reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_reader", lambda: Still())


def test_every_method_releases_as_many_frames_of_the_same_form(lent):
    face = noisy()
    methods = [redact.original, redact.blur(2), redact.pixelate(8), redact.k_same(2, lent),
               redact.landmarks_only(0.5, lent), redact.label_only(lent), redact.logits_only(),
               redact.shuffled()]  # fmt: skip
    before = face.crops.copy()
    for method in methods:
        out = method(face, RNG)
        assert out.shape == face.crops.shape and out.dtype == np.uint8
    assert (face.crops == before).all()


def test_blur_and_pixels_keep_the_mean_and_lose_detail():
    face = noisy()
    for weak, strong in ((redact.blur(1), redact.blur(4)), (redact.pixelate(32), redact.pixelate(4))):
        spreads = [method(face, RNG).std() for method in (redact.original, weak, strong)]
        assert spreads[0] > spreads[1] > spreads[2]
        assert abs(strong(face, RNG).mean() - face.crops.mean()) < 2
    assert len(np.unique(redact.squares(face.crops[0], 2))) <= 4


def test_k_same_moves_toward_the_donors(lent):
    face = noisy(seed=99)
    far = [np.abs(redact.k_same(k, lent)(face, RNG).astype(float) - face.crops).mean() for k in (2, 3)]
    assert 0 < far[0] < far[1]


def test_k_same_averages_only_faces_of_the_class_that_is_read(lent):
    face = noisy(seed=99)
    said = redact.read(face).argmax(1)[0]
    rows = lent.labels == said
    expected = (lent.faces[rows].sum(0, dtype=float) + face.crops[0]) / 3
    np.testing.assert_array_equal(redact.k_same(3, lent)(face, RNG)[0], expected.astype(np.uint8))


def test_landmarks_at_full_strength_show_movement_on_the_mean_shape(lent):
    face = sequence()
    moved = dataclasses.replace(face, points=face.points * [1.0, 1.1, 1.0])  # a longer face
    own = [redact.landmarks_only(0, lent)(f, RNG)[0].astype(float) for f in (face, moved)]
    mean = [redact.landmarks_only(1, lent)(f, RNG)[0].astype(float) for f in (face, moved)]
    assert np.abs(own[0] - own[1]).mean() > 5 * np.abs(mean[0] - mean[1]).mean()
    assert redact.landmarks_only(1, lent)(face, RNG)[-1].tolist() != mean[0].tolist()  # the smile is there


def test_frames_without_a_face_stay_empty(lent):
    face = sequence()
    points = face.points.copy()
    points[3] = np.nan
    found = np.isfinite(points).all((1, 2))
    lost = dataclasses.replace(face, points=points, found=found)
    assert not redact.landmarks_only(1, lent)(lost, RNG)[3].any()


def test_label_only_shows_one_face_for_everyone(lent):
    shown = [redact.label_only(lent)(noisy(seed=s), RNG) for s in (1, 2)]
    stock = {face.tobytes() for face in lent.stock}
    assert {frame.tobytes() for frames in shown for frame in frames} <= stock


def test_bars_rise_with_the_probability():
    picture = redact.bars(np.log([0.5, 0.3, 0.1, 0.05, 0.03, 0.01, 0.01]))
    heights = [(picture[:, 9 * k] > 0).sum() for k in range(7)]
    assert heights == sorted(heights, reverse=True) and heights[0] < 64
    assert not redact.bars(np.full(7, -np.inf)).any()


def test_read_gives_log_probabilities():
    np.testing.assert_allclose(np.exp(redact.read(noisy())).sum(1), 1, atol=1e-5)


def test_shuffled_loses_nothing():
    face = noisy()
    out = redact.shuffled()(face, RNG)
    assert sorted(out[0].ravel()) == sorted((255 - face.crops[0]).ravel())
    assert (out != 255 - face.crops).mean() > 0.9
    np.testing.assert_array_equal(out, redact.shuffled()(face, RNG))


def test_donors_take_their_stock_face_from_one_whole_person(lent):
    assert lent.faces.shape == (14, 64, 64) and lent.stock.shape == (7, 64, 64)
    assert (lent.stock == lent.faces[:7]).all() and lent.shape.shape == (478, 2)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda lent: redact.blur(0), "above 0"),
        (lambda lent: redact.pixelate(65), "1 to 64"),
        (lambda lent: redact.k_same(9, lent), "donors"),
        (lambda lent: redact.landmarks_only(1.5, lent), "0 to 1"),
        (lambda lent: redact.donors([sequence()]), "all seven"),
    ],
)
def test_bad_input_says_what_to_do(make, says, lent):
    with pytest.raises(BadInput, match=says):
        make(lent)


def test_a_reading_can_be_given(lent):
    face, sad = noisy(), np.eye(7)[[5] * 12]
    assert (redact.label_only(lent, lambda _: sad)(face, RNG) == lent.stock[5]).all()
    assert redact.logits_only(lambda _: np.log(sad + 1e-9))(face, RNG)[:, 63, 45].all()


def test_reading_needs_no_gradient():
    assert torch.is_grad_enabled()
    redact.read(noisy())
    assert torch.is_grad_enabled()
