"""One picture for sliders: what is asked for is shown, what does not exist is refused."""

from __future__ import annotations

import numpy as np
import pytest

from fer_nb import mime
from fer_nb.errors import BadInput


def test_a_face_is_a_picture() -> None:
    image = mime.face(3, {})
    assert image.shape == (160, 160, 3) and image.dtype == np.uint8
    assert 60 < image[40:120, 50:110].mean() < 220
    np.testing.assert_array_equal(image, mime.face(3, {}))


def test_units_and_pose_change_it() -> None:
    calm = mime.face(3, {}).astype(int)
    smile = mime.face(3, {"AU12": 1.0, "AU25": 0.6})
    turned = mime.face(3, {}, pose=(0, 20, 0))
    assert np.abs(smile - calm)[90:140].mean() > 3 * np.abs(smile - calm)[:40].mean()
    assert np.abs(turned - calm).mean() > np.abs(smile - calm).mean() > 0.2
    assert np.abs(mime.face(4, {}) - calm).mean() > 10, "another person"


def test_intensity_zero_is_rest() -> None:
    np.testing.assert_array_equal(mime.face(3, dict.fromkeys(mime.UNITS, 0.0)), mime.face(3, {}))


@pytest.mark.parametrize("size", [48, 160, 256])
def test_any_size(size: int) -> None:
    image = mime.face(3, {"AU1": 0.5}, size=size)
    assert image.shape == (size, size, 3)
    assert abs(image.mean() - mime.face(3, {"AU1": 0.5}).mean()) < 2


@pytest.mark.parametrize(("units", "size", "words"), [
    ({"AU99": 1.0}, 160, "unknown action unit 'AU99': use one of AU1, AU2"),
    ({"AU12": 1.0, "smile": 1.0}, 160, "unknown action unit 'smile'"),
    ({}, 0, "size is 0"),
])  # fmt: skip
def test_what_does_not_exist_is_refused(units: dict[str, float], size: int, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        mime.face(3, units, size=size)
    assert "\n" not in str(caught.value)
