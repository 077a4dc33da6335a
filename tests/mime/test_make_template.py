"""The recipe of the template still gives the template that is shipped, and writes where it is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fer_nb.mime import make_template, template


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    path = tmp_path_factory.mktemp("template") / "made.npz"
    shipped = make_template.OUT.read_bytes()
    make_template.main(path)
    assert make_template.OUT.read_bytes() == shipped, "the shipped file is left alone"
    with np.load(path) as stored:
        return dict(stored)


def test_it_is_the_shipped_template(made: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(made["rest"], template.REST, atol=0.01)
    np.testing.assert_array_equal(made["triangles"], template.TRIANGLES)
    np.testing.assert_array_equal(made["mirror"], template.MIRROR)


def test_the_shipped_file_is_small() -> None:
    assert make_template.OUT.stat().st_size < 20_000
    assert Path(template.__file__).with_name("template.npz") == make_template.OUT


def test_the_mouth_is_closed_and_of_adult_width(made: dict[str, np.ndarray]) -> None:
    rest = made["rest"]
    assert rest[291, 0] - rest[61, 0] == pytest.approx(0.57, abs=0.02)
    assert np.abs(rest[13] - rest[14]).max() < 0.01


def test_straightening_undoes_a_turn() -> None:
    from scipy.spatial.transform import Rotation

    turned = Rotation.from_euler("yz", [20, 10], degrees=True).apply(3.0 * template.REST + [1, 2, 3])
    straight = make_template.straighten(turned, template.MIRROR)
    np.testing.assert_allclose(straight, make_template.straighten(template.REST, template.MIRROR), atol=1e-6)
    np.testing.assert_allclose(straight[template.MIRROR] * [-1, 1, 1], straight, atol=1e-6)


def test_relaxing_moves_targets_exactly_and_holds_the_brows() -> None:
    target = {14: template.REST[14] + [0, -0.1, 0]}
    moved = make_template.relax(template.REST[:468], template.TRIANGLES, target)
    np.testing.assert_allclose(moved[14], target[14])
    np.testing.assert_allclose(moved[105], template.REST[105])
    assert moved[17, 1] < template.REST[17, 1], "the skin follows"
