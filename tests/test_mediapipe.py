"""MediaPipe's format and noise, kept in one place."""

from __future__ import annotations

import os

import numpy as np
import pytest

from fer_nb import _mediapipe
from fer_nb.errors import BadInput


def test_points_from_bytes_are_the_points() -> None:
    from mediapipe.framework.formats.landmark_pb2 import NormalizedLandmarkList

    values = np.random.default_rng(0).normal(size=(478, 3)).astype(np.float32)
    face = NormalizedLandmarkList()
    for x, y, z in values:
        face.landmark.add(x=x, y=y, z=z)
    assert np.array_equal(_mediapipe.coordinates(face), values)
    assert np.array_equal(_mediapipe.coordinates(list(face.landmark)), values)
    face.landmark[7].visibility = 0.5  # another layout is read the slow way
    assert np.array_equal(_mediapipe.coordinates(face), values)


def test_in_pixels_scales_and_fills_with_nan() -> None:
    from types import SimpleNamespace

    face = [SimpleNamespace(x=0.5, y=0.25, z=-0.1)] * 478
    points = _mediapipe.in_pixels([face], np.zeros((100, 200, 3), np.uint8), 2)
    assert points.shape == (2, 478, 3) and points.dtype == np.float32
    assert points[0, 7] == pytest.approx([100, 25, -20]) and np.isnan(points[1]).all()


def test_quiet_silences_the_descriptor_and_gives_it_back(capfd: pytest.CaptureFixture[str]) -> None:
    with _mediapipe.quiet(), _mediapipe.quiet():
        os.write(2, b"noise from C++")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_quiet_lets_errors_through(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), _mediapipe.quiet():
        raise ZeroDivisionError
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_check_frame_is_one_line() -> None:
    with pytest.raises(BadInput, match=r"as_rgb8") as caught:
        _mediapipe.check_frame(np.zeros((4, 4), np.uint8))
    assert "\n" not in str(caught.value)
