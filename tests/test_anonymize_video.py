"""Video in, video out: where the face lands, what is refused, that nothing of the original is copied."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from fer_nb import anonymize, anonymize_video, spatial
from fer_nb.anonymize_nets import Anonymizer
from fer_nb.clips import Clip, read_clip
from fer_nb.crops import upright
from fer_nb.errors import BadInput, NoFace
from tests.faces import mesh, sequence


@pytest.fixture(scope="module")
def models() -> anonymize.Models:
    torch.manual_seed(0)
    return anonymize.Models(spatial.SpatialNet().eval(), Anonymizer(donors=3).eval())


@pytest.fixture
def traced(monkeypatch):
    """A clip of noise in which the toy face is found, alone."""
    face = sequence(frames=6)
    monkeypatch.setattr(anonymize_video, "face_sequence", lambda clip: face)
    monkeypatch.setattr(anonymize_video, "check_alone", lambda clip: None)
    noise = np.random.default_rng(0).integers(0, 255, (6, 160, 160, 3)).astype(np.uint8)
    return Clip(noise, face.fps, source="toy")


def test_the_face_is_laid_where_it_was(models):
    face = sequence(frames=3)
    bright = np.full((3, 64, 64), 250, np.uint8)
    bright[:, [0, -1]] = 77
    frames = list(anonymize_video.frames(face, bright, (160, 160)))
    nose = face.points[0, 1, :2].round().astype(int)
    assert frames[0].shape == (160, 160, 3) and frames[0][nose[1], nose[0], 0] == 250
    assert frames[0][2, 2].tolist() == [77] * 3


def test_places_are_those_of_the_crops_and_calm():
    points = np.repeat(mesh()[None], 30, 0) + np.random.default_rng(0).normal(0, 2, (30, 1, 3))
    found = np.ones(30, bool)
    found[4] = False
    places = anonymize_video.placed(points, found, 25.0)
    rough = np.stack([cv2.invertAffineTransform(upright(p)) for p in points])
    assert np.allclose(places[found].mean(0), rough[found].mean(0), atol=1.0)
    shake = [np.abs(np.diff(m[5:, :, 2], axis=0)).mean() for m in (places, rough)]
    assert shake[0] < 0.4 * shake[1] and not places[4].any()


def test_a_video_is_written_with_the_same_length_and_nothing_of_the_original(traced, models, tmp_path):
    out = tmp_path / "out.mp4"
    assert anonymize_video.anonymize_video(traced, out, donor=2, models=models) == 2
    again = read_clip(out)
    assert len(again) == 6 and again.size == (160, 160) and again.fps == pytest.approx(10.0)
    corner = np.stack([frame[:20, :20] for frame in again.iter_frames()]).astype(float)
    assert np.ptp(corner) < 8


def test_a_donor_is_drawn_when_none_is_given(traced, models, tmp_path):
    drawn = {anonymize_video.anonymize_video(traced, tmp_path / "out.mp4", models=models) for _ in range(12)}
    assert drawn <= {0, 1, 2} and len(drawn) > 1


def test_unknown_donors_and_other_endings_are_refused_before_anything_is_read(models, tmp_path):
    with pytest.raises(BadInput, match="unknown donor 3: give a number from 0 to 2"):
        anonymize_video.anonymize_video("missing.mp4", tmp_path / "out.mp4", donor=3, models=models)
    with pytest.raises(BadInput, match=r"end the name in \.mp4"):
        anonymize_video.anonymize_video("missing.mp4", tmp_path / "out.txt", models=models)


def test_the_original_is_never_written_over(models, tmp_path):
    path = tmp_path / "mine.mp4"
    path.write_bytes(b"the only copy")
    for video in (
        path,
        str(tmp_path / "." / "mine.mp4"),
        Clip(np.zeros((2, 8, 8, 3), np.uint8), 25.0, source=str(path)),
    ):
        with pytest.raises(BadInput, match=r"mine.mp4: would be overwritten"):
            anonymize_video.anonymize_video(video, path, models=models)
    assert path.read_bytes() == b"the only copy"


def test_long_videos_are_looked_at_twice_a_second(monkeypatch):
    looked = []
    monkeypatch.setattr(anonymize_video, "are_two", lambda faces: bool(looked.append(1)))
    monkeypatch.setattr(anonymize_video.FaceTracker, "static", lambda max_faces: Tracker())
    for seconds, looks in ((1, 24), (60, 120)):
        looked.clear()
        anonymize_video.check_alone(Clip(np.zeros((25 * seconds, 8, 8, 3), np.uint8), 25.0))
        assert len(looked) == looks


def test_frames_without_a_face_show_the_ground_alone():
    face = sequence(frames=3)
    face.found[1] = False
    released = np.full((3, 64, 64), 90, np.uint8)
    released[:, 20:40] = 250
    frames = list(anonymize_video.frames(face, released, (160, 160)))
    assert (frames[1] == 90).all() and (frames[2] > 200).any()
    face.found[:] = False
    assert (next(anonymize_video.frames(face, released, (9, 9))) == anonymize_video.GROUND).all()


def test_two_faces_are_told_from_one_found_twice():
    one = mesh()
    assert anonymize_video.are_two(np.stack([one, one + np.array([200, 0, 0])]))
    assert not anonymize_video.are_two(np.stack([one, one + 2]))
    assert not anonymize_video.are_two(np.stack([one, np.full_like(one, np.nan)]))


class Tracker:
    """Finds two faces in the frames whose corner is bright."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def all(self, frame):
        second = mesh() + np.array([200, 0, 0]) if frame[0, 0, 0] > 0 else np.full((478, 3), np.nan)
        return np.stack([mesh(), second])


@pytest.mark.parametrize(("bright", "refused"), [(0, False), (1, False), (2, True), (6, True)])
def test_a_second_face_is_refused_a_slip_is_not(monkeypatch, bright, refused):
    monkeypatch.setattr(anonymize_video.FaceTracker, "static", lambda max_faces: Tracker())
    frames = np.zeros((6, 8, 8, 3), np.uint8)
    frames[:bright] = 255
    clip = Clip(frames, 25.0, source="party.mp4")
    if refused:
        with pytest.raises(BadInput, match=r"party.mp4: shows two faces: cut the video"):
            anonymize_video.check_alone(clip)
    else:
        anonymize_video.check_alone(clip)


def test_a_video_without_a_face(models, tmp_path):
    clip = Clip(np.full((3, 64, 64, 3), 90, np.uint8), 25.0, source="wall.mp4")
    with pytest.raises(NoFace, match=r"wall.mp4: no face in any of 3 frames"):
        anonymize_video.anonymize_video(clip, tmp_path / "out.mp4", donor=0, models=models)
    assert not (tmp_path / "out.mp4").exists()
