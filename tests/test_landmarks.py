"""Landmarks: pixels of the right frame, NaN where no face is, one tracker a clip, silence on stderr."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fer_nb.clips import Clip, clip_from_frames, read_clip
from fer_nb.errors import BadInput
from fer_nb.landmarks import FaceTracker, TaskTracker, detect, detect_faces, detect_many, detect_still, found

BLANK = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def smile(shared: Path) -> Clip:
    """Every third frame of a real face: neutral, smile, neutral."""
    clip = read_clip(shared / "data" / "video" / "single_face.mp4")
    return clip_from_frames(clip.frames[::3], fps=10, source="single_face")


@pytest.fixture(scope="module")
def points(smile: Clip) -> np.ndarray:
    return detect(smile.iter_frames())


@pytest.fixture(scope="module")
def task(shared: Path) -> Path:
    path = shared / "models" / "face_landmarker.task"
    if not path.is_file():
        pytest.skip("no face_landmarker.task in the models folder of the real test data")
    return path


def test_no_face_is_nan_and_kept() -> None:
    points = detect(np.stack([BLANK] * 3))
    assert points.shape == (3, 478, 3) and points.dtype == np.float32
    assert np.isnan(points).all() and not found(points).any()


def test_no_frames_give_no_rows() -> None:
    assert detect([]).shape == (0, 478, 3)
    assert found(detect([])).shape == (0,)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 50), (50, 1), (16, 16), (96, 32)])
def test_tiny_and_portrait_frames_do_no_harm(size: tuple[int, int]) -> None:
    assert np.isnan(detect_still(np.zeros((*size, 3), np.uint8))).all()


def test_found_wants_every_point() -> None:
    points = np.zeros((3, 478, 3), np.float32)
    points[1, 400, 2] = np.nan
    points[2, 0, 0] = np.inf
    assert found(points).tolist() == [True, False, False]


@pytest.mark.parametrize(
    "frame",
    [np.zeros((8, 8)), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)],
)
def test_other_arrays_are_refused_in_one_line(frame: np.ndarray) -> None:
    with pytest.raises(BadInput, match=r"not uint8 of shape \(H, W, 3\): convert it") as caught:
        detect_still(frame)
    assert "\n" not in str(caught.value)


def test_max_faces_is_checked() -> None:
    with pytest.raises(BadInput, match="1 or more"):
        FaceTracker(max_faces=0)


def test_torch_stays_out_and_stderr_is_silent() -> None:
    code = (
        "import sys, numpy as np\nfrom fer_nb.landmarks import FaceTracker\n"
        "t = FaceTracker()\nfor _ in range(3): t(np.zeros((48, 64, 3), np.uint8))\n"
        "t.reset(); t(np.zeros((48, 64, 3), np.uint8)); t.close()\nprint('torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "False", "")


# ---- on a real face ----


def test_points_are_pixels_of_the_frame(smile: Clip, points: np.ndarray) -> None:
    height, width = smile.size
    assert found(points).all() and points.shape == (24, 478, 3)
    assert (points[..., 0] > 0).all() and (points[..., 0] < width).all()
    assert (points[..., 1] > 0).all() and (points[..., 1] < height).all()
    nose, chin, left, right = (points[:, i] for i in (1, 152, 263, 33))
    assert (chin[:, 1] > nose[:, 1]).all(), "y points down"
    assert (left[:, 0] > right[:, 0]).all(), "the person's left eye is on the right"
    assert (nose[:, 2] < left[:, 2]).all(), "the nose is nearer than the eyes"
    assert 20 < np.linalg.norm(left - right, axis=1).mean() < 300


def test_two_sizes_agree(smile: Clip, points: np.ndarray) -> None:
    import cv2

    small = detect_still(cv2.resize(smile.frames[0], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    assert np.nanmean(np.abs(2 * small - points[0])[:, :2]) < 2.0


def test_reset_is_as_good_as_new(smile: Clip, points: np.ndarray) -> None:
    other = np.ascontiguousarray(np.asarray(smile.frames)[:, :, ::-1])  # mirrored
    with FaceTracker() as tracker:
        for frame in other[:4]:
            tracker(frame)
        kept = tracker(smile.frames[0])
        tracker.reset()
        again = np.stack([tracker(frame) for frame in smile.frames[:6]])
    assert np.array_equal(again, points[:6])
    assert not np.array_equal(kept, points[0]), "without a reset the other clip leaks into this one"


def test_static_does_not_remember(smile: Clip) -> None:
    with FaceTracker.static() as tracker:
        first = tracker(smile.frames[0])
        tracker(smile.frames[12])
        assert np.array_equal(tracker(smile.frames[0]), first)
    assert np.array_equal(detect_still(smile.frames[0]), first)


def test_a_face_that_leaves_is_counted(shared: Path) -> None:
    clip = read_clip(shared / "data" / "video" / "face_noface.mov")
    seen = found(detect(clip.iter_frames()))
    assert len(seen) == len(clip) and 0.2 < seen.mean() < 0.8


def test_two_faces(shared: Path) -> None:
    clip = read_clip(shared / "data" / "video" / "head-pose-face-detection-female-and-male.gif")
    faces = detect_faces(clip.frames[:10], max_faces=2)
    assert faces.shape == (10, 2, 478, 3)
    both = np.isfinite(faces).all((2, 3)).all(1)
    assert both.mean() > 0.5
    apart = np.linalg.norm(faces[both, 0, 1, :2] - faces[both, 1, 1, :2], axis=-1)
    assert (apart > 30).all()


@pytest.mark.slow
def test_processes_give_the_same_in_order(smile: Clip, points: np.ndarray) -> None:
    clips = [smile, Clip(np.stack([BLANK] * 2), 25), smile]
    spread = detect_many(clips, workers=2, progress=False)
    assert [len(p) for p in spread] == [24, 2, 24]
    assert np.array_equal(spread[0], points) and np.array_equal(spread[2], points)
    assert np.isnan(spread[1]).all()


def test_one_process_shows_progress_on_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    detect_many([Clip(np.stack([BLANK]), 25)] * 2, workers=1)
    assert capsys.readouterr().out == ""


def test_an_error_in_a_clip_is_raised(tmp_path: Path) -> None:
    import cv2

    for i, size in enumerate((8, 9)):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.zeros((size, size, 3), np.uint8))
    with pytest.raises(BadInput, match="one size"):
        detect_many([read_clip(tmp_path)], workers=1, progress=False)


def test_tasks_api_agrees_and_reads_a_smile(task: Path, smile: Clip, points: np.ndarray) -> None:
    with TaskTracker(task) as tracker:
        rows, smiles = [], []
        for frame in smile.iter_frames():
            rows.append(tracker(frame))
            smiles.append(tracker.blendshapes["mouthSmileLeft"])
        assert len(tracker.blendshapes) == 52
        eyes = np.linalg.norm(points[:, 33] - points[:, 263], axis=1).mean()
        error = np.linalg.norm((np.stack(rows) - points)[..., :2], axis=-1).mean() / eyes
        assert error < 0.03
        assert smiles[0] < 0.1 and max(smiles) > 0.6
        assert np.isnan(tracker(BLANK)).all() and tracker.blendshapes == {}
        tracker.reset()
        assert np.isfinite(tracker(smile.frames[0])).all()


def test_tasks_api_on_stills(task: Path, smile: Clip, points: np.ndarray) -> None:
    with TaskTracker(task, tracking=False) as tracker:
        assert np.nanmean(np.abs(tracker(smile.frames[0]) - points[0])[:, :2]) < 3


def test_a_model_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "bad.task").write_bytes(b"no model")
    with pytest.raises(BadInput, match=r"bad\.task: not a face landmarker model"):
        TaskTracker(tmp_path / "bad.task")


def test_a_synthetic_face_is_found_where_it_is() -> None:
    from fer_nb import mime

    clip = mime.clip("fit", 0, 0, "neutral")
    truth = clip.landmarks
    assert truth is not None
    points = detect_still(clip.frames[0])
    eyes = float(np.linalg.norm(truth[0, 33, :2] - truth[0, 263, :2]))
    assert found(points[None])[0]
    assert np.linalg.norm((points - truth[0])[:468, :2], axis=1).mean() / eyes < 0.15
