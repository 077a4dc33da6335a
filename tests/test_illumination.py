"""What each way of evening out light undoes, and what it must not touch."""

import numpy as np
import pytest
import torch
from skimage import exposure

from fer_nb import illumination, spatial
from fer_nb.errors import BadInput


def face(seed: int = 0) -> np.ndarray:
    """A smooth grey picture with some pattern, (64, 64) in [0.15, 0.75]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:64, 0:64] / 64
    picture = np.sin(7 * x) * np.cos(9 * y) + 0.3 * np.sin(30 * x + 20 * y) + 0.02 * rng.normal(size=(64, 64))
    return (0.15 + 0.6 * (picture - picture.min()) / np.ptp(picture)).astype(np.float32)


def side_light(x: np.ndarray, amount: float = 0.5) -> np.ndarray:
    return (x * np.linspace(1 - amount, 1, 64, dtype=np.float32)[None]).clip(0, 1)


def distance(name: str, a: np.ndarray, b: np.ndarray) -> float:
    """How far apart two pictures are after a method, relative to how much the method's picture varies."""
    one, other = (illumination.METHODS[name](x) for x in (a, b))
    return float(np.sqrt(((one - other) ** 2).mean()) / one.std())


@pytest.mark.parametrize("name", list(illumination.METHODS))
def test_one_crop_or_many_bytes_or_floats_stay_in_range(name):
    method, crops = illumination.METHODS[name], np.stack([face(0), face(1)])
    many = method(crops)
    assert many.shape == crops.shape and many.dtype == np.float32 and many.min() >= 0 and many.max() <= 1
    np.testing.assert_array_equal(many[1], method(crops[1]))
    from_bytes = method(np.round(crops * 255).astype(np.uint8))
    assert np.abs(from_bytes - many).mean() < 0.02


@pytest.mark.parametrize("name", list(illumination.METHODS))
def test_a_flat_crop_gives_a_flat_crop(name):
    out = illumination.METHODS[name](np.full((64, 64), 0.4))
    assert np.isfinite(out).all() and np.ptp(out) < 1e-3


@pytest.mark.parametrize("name", ["z-score", "equalize", "local contrast"])
def test_brightness_and_contrast_are_undone(name):
    x = face()
    assert distance(name, x, 0.8 * x + 0.05) < 0.15 * distance("none", x, 0.8 * x + 0.05) + 0.05


@pytest.mark.parametrize("name", ["equalize", "gamma"])
def test_a_change_of_tone_is_undone(name):
    assert distance(name, face(), face() ** 1.6) < 0.2 * distance("none", face(), face() ** 1.6)


@pytest.mark.parametrize("name", ["self-quotient", "local contrast"])
def test_light_from_the_side_is_undone_by_local_methods_only(name):
    assert distance(name, face(), side_light(face())) < 0.5 * distance("z-score", face(), side_light(face()))


def test_local_contrast_is_the_first_channel_of_the_network():
    x = face()
    inside = spatial.Normalize()(torch.from_numpy(x)[None, None])[0, 0].numpy()
    ours = illumination.local_contrast(x)
    np.testing.assert_allclose(ours, np.clip(0.5 + inside / 6, 0, 1), atol=1e-4)


def test_equalizing_agrees_with_scikit_image():
    x = np.round(face() * 255).astype(np.uint8)
    twin = exposure.equalize_hist(x, nbins=256)
    assert np.abs(illumination.equalize(x) - twin).max() < 0.03


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 2, 2, 2)), np.full((4, 4), 2.0), np.full((4, 4), np.nan), np.zeros((4, 4), int)]
)
def test_other_arrays_are_refused(wrong):
    with pytest.raises(BadInput, match="illumination"):
        illumination.equalize(wrong)
