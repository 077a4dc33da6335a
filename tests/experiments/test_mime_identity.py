"""Who is it? The parts of the identity experiment, on faces made of numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fer_nb import mime, results
from fer_nb.clips import Clip
from fer_nb.experiments import mime_identity as who
from fer_nb.mime import template
from tests.faces import mesh


def plane(size: int = 160) -> np.ndarray:
    """A picture whose red is 1.5 times its column and whose green is 1.5 times its row."""
    y, x = np.mgrid[0:size, 0:size]
    return np.stack([1.5 * x, 1.5 * y, np.full_like(x, 100.0)], -1).clip(0, 255).astype(np.uint8)


def test_texels_lie_on_the_mesh() -> None:
    corners, weights, seen = who.texture_grid()
    assert seen.shape == (who.HIGH, who.WIDE) and len(corners) == len(weights) == seen.sum()
    np.testing.assert_allclose(weights.sum(1), 1)
    assert weights.min() >= -1e-6 and seen[who.HIGH // 2, who.WIDE // 2] and not seen[-1, 0]
    places = np.einsum("nk,nkd->nd", weights, template.REST[corners, :2])
    assert np.ptp(places[:, 0]) > 1.2 and np.ptp(places[:, 1]) > 1.5


def test_unwrapping_reads_the_picture_under_the_mesh() -> None:
    points, seen = mesh(size=60), who.texture_grid()[2]
    face = who.unwrap(plane(), points)
    assert face.shape == (who.HIGH, who.WIDE, 3) and face.dtype == np.float32
    assert not face[~seen].any()
    nose = face[round(who.HIGH * 0.87 / 1.73), who.WIDE // 2]  # the middle, about 0.32 below the eyes
    np.testing.assert_allclose(nose[:2], 1.5 * np.array([80, 80 + 0.32 * 60]), atol=4)
    columns = face[..., 0][:, seen[30]][30]
    assert (np.diff(columns) >= 0).all(), "left is left"


def test_unwrapping_undoes_place_and_size() -> None:
    import cv2

    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (160, 160, 3), np.uint8), (0, 0), 4)
    points = mesh(size=40)
    matrix = cv2.getRotationMatrix2D((80, 80), 25, 1.1)
    turned = points.copy()
    turned[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    again = who.unwrap(cv2.warpAffine(image, matrix, (160, 160)), turned)
    assert np.abs(again - who.unwrap(image, points)).mean() < 4


def test_the_pattern_does_not_see_the_light() -> None:
    rng = np.random.default_rng(0)
    faces = rng.uniform(60, 120, (2, who.HIGH, who.WIDE, 3)).astype(np.float32)
    lit = 1.4 * faces + 3.2  # brighter: the logarithm of 8 more than this is shifted
    dim, bright, other = who.pattern(np.stack([faces[0], lit[0], faces[1]]))
    assert dim.shape == (who.HIGH * who.WIDE * 3,) and np.abs(dim).max() <= 4
    np.testing.assert_allclose(dim, bright, atol=0.02)
    assert np.corrcoef(dim, other)[0, 1] < 0.1
    assert not dim.reshape(who.HIGH, who.WIDE, 3)[~who.texture_grid()[2]].any()


def test_the_tint_is_relative_to_the_cheeks() -> None:
    points = mesh(size=60)
    flat = np.full((160, 160, 3), 100, np.uint8)
    np.testing.assert_allclose(who.tint(flat, points), 0, atol=1e-9)
    red = flat.copy()
    x, y = points[[0, 17], :2].mean(0).astype(int)
    red[y - 12 : y + 12, x - 12 : x + 12] = (180, 60, 60)
    colors = who.tint(red, points).reshape(4, 3)
    assert colors[2, 0] > 0.3 > -0.2 > colors[2, 1] and np.abs(colors[[0, 1, 3]]).max() < 1e-9


def test_the_tint_of_a_face_at_the_rim() -> None:
    assert who.tint(plane(), mesh() - [0, 70, 0]).shape == (12,)
    assert np.isfinite(who.tint(plane(), mesh() - [500, 500, 0])).all()


@settings(max_examples=15, deadline=None)
@given(
    st.floats(0.5, 3), st.tuples(st.floats(-50, 50), st.floats(-50, 50)), st.tuples(*[st.floats(-60, 60)] * 3)
)
def test_upright_shapes_forget_place_size_and_turn(
    scale: float, place: tuple[float, float], turn: tuple[float, float, float]
) -> None:
    shape = template.REST[:468]
    moved = scale * Rotation.from_euler("xyz", turn, degrees=True).apply(shape) + [*place, 0]
    one, two = who.upright_shapes(np.stack([shape, moved]))
    assert one.shape == (468 * 3,)
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_upright_shapes_keep_what_differs() -> None:
    other = template.REST[:468] * [1.1, 1, 1]
    one, two = who.upright_shapes(np.stack([template.REST[:468], other]))
    assert np.abs(one - two).max() > 1e-3


def test_discriminants_tell_people_apart() -> None:
    rng = np.random.default_rng(0)
    person, train = np.repeat(np.arange(4), 12), np.tile(np.arange(12) < 8, 4)
    features = rng.normal(size=(4, 90))[person] + 0.1 * rng.normal(size=(48, 90))
    said = who.discriminate(features, person, train, 10)
    assert said.shape == (48, 4)
    np.testing.assert_allclose(np.exp(said).sum(1), 1, atol=1e-6)
    assert (said.argmax(1) == person)[~train].all()


def test_a_row_without_scores_is_a_miss() -> None:
    scores = np.array([[9.0, 1], [1, 9], [np.nan, np.nan]])
    np.testing.assert_array_equal(who.hits(scores, np.array([0, 1, 0])), [1, 1, 0])


@pytest.mark.parametrize("face", [True, False])
def test_clips_are_looked_at_with_and_without_a_face(monkeypatch: pytest.MonkeyPatch, face: bool) -> None:
    class Tracker:
        """Finds the mesh, or nothing."""

        @classmethod
        def static(cls) -> Tracker:
            return cls()

        def __enter__(self) -> Tracker:
            return self

        def __exit__(self, *_: object) -> None: ...

        def __call__(self, image: np.ndarray) -> np.ndarray:
            return mesh() if face else np.full((478, 3), np.nan)

    monkeypatch.setattr(who, "FaceTracker", Tracker)
    views = who.look_at([Clip(np.stack([plane()] * 3), 10)] * 2)
    assert views["texture"].shape == (2, who.HIGH, who.WIDE, 3) and views["texture"].any() == face
    assert views["shape"].shape == (2, 468, 3) and views["tint"].shape == (2, 12)
    assert all(np.isfinite(view).all() for view in views.values())


def test_motion_is_told_by_level_peak_and_speed() -> None:
    units = np.zeros((11, 2))
    units[:, 0], units[5:, 1] = 0.1, 1.0
    clip = Clip(np.zeros((11, 4, 4, 3), np.uint8), 10, units=units)
    np.testing.assert_allclose(who.motion_features(clip), [0.1, 0, 0.1, 1, 0, 1])


def people(count: int = 6) -> list[Clip]:
    """Clips of three sessions in which each person's units have a level of their own."""
    out = []
    for session in range(3):
        for person in range(count):
            rng = np.random.default_rng([session, person])
            units = 0.1 * person + 0.01 * rng.random((8, 22))
            where = {"person": person, "session": session}
            out.append(
                Clip(np.zeros((8, 4, 4, 3), np.uint8), 10, label="fear", units=units, conditions=where)
            )
    return out


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    return tmp_path


def test_style_is_recorded_with_its_seeds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mime, "block", lambda *_, **__: people())
    who.motion()
    record = results.load("mime.style_identity_top1")
    assert (record.value, record.n, record.seeds) == (1.0, 6, (0, 1, 2))
    assert record.target == (0.05, 0.40) and record.met is False, "style may not give everyone away"
    assert record.command == "fer-nb results make mime.style_identity_top1"


def test_pictures_are_recorded_for_both_views(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = people()
    monkeypatch.setattr(mime, "block", lambda *_, **__: clips)
    count, asked = len(clips), []
    views = {
        "texture": np.ones((count, 2, 2, 3)),
        "shape": np.zeros((count, 468, 3)),
        "tint": np.ones((count, 12)),
    }
    right = np.eye(6)[[c.conditions["person"] for c in clips]]  # type: ignore[index]
    wrong = np.roll(right, 1, axis=1)

    def discriminate(features: np.ndarray, person: np.ndarray, train: np.ndarray, parts: int) -> Any:
        assert train.sum() == 12 and not train[-6:].any(), "the third session is not learned from"
        asked.append(features.shape[1])
        color = features.shape[1] in (12, 2 * 2 * 3)
        return 9 * right if color else wrong

    monkeypatch.setattr(who, "look_at", lambda _: views)
    monkeypatch.setattr(who, "pattern", lambda textures: textures.reshape(count, -1))
    monkeypatch.setattr(who, "upright_shapes", lambda points: points.reshape(count, -1))
    monkeypatch.setattr(who, "discriminate", discriminate)
    who.pictures()
    full, oval = results.load("mime.identity_top1"), results.load("mime.identity_top1.oval")
    assert (full.value, full.n, full.met) == (1.0, 6, True), "color and hair count"
    assert (oval.value, oval.met) == (0.0, None), "and not in the grey oval"
    assert "pattern alone 0.000" in full.note and full.command.endswith("make mime.identity_top1")
    assert {record.id for record in results.all_records()} == set(who.RECORDS) - {"mime.style_identity_top1"}
