"""What methods release of the stills of a tiny world, and the two ways back from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fer_nb import redact
from fer_nb.bottleneck import Setting
from fer_nb.crops import SIZE
from fer_nb.experiments import _images_lab as lab
from fer_nb.experiments import _reconstruction_lab as stills
from fer_nb.experiments import _reconstruction_units as units
from fer_nb.mime.template import MIRROR
from tests.reconstruction_toys import world


@pytest.fixture(autouse=True)
def small(monkeypatch, cache_folder):
    monkeypatch.setattr(stills, "recipe", lambda: "toy")
    monkeypatch.setattr(units, "EPOCHS", 1)
    monkeypatch.setattr(units, "ROUNDS", {32: 1})
    monkeypatch.setitem(units.SETTINGS, "plain", Setting(maps=2))
    monkeypatch.setattr(lab, "_MADE", {})
    monkeypatch.setattr(lab.crowd, "lent", donors)


def donors() -> redact.Donors:
    """Eight people lend each class."""
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (56, SIZE, SIZE), dtype=np.uint8)
    return redact.Donors(faces, np.repeat(np.arange(7), 8), faces[::8], rng.uniform(10, 54, (478, 2)))


def drawings(people: stills.Stills) -> dict[str, np.ndarray]:
    """One gray for each still, another for its mirror image."""
    count = len(people)
    gray = np.arange(count, dtype=np.uint8)[:, None, None].repeat(SIZE, 1).repeat(SIZE, 2)
    return {"clip": people.clip, "apex": people.apex, "seen": gray, "mirrored": 255 - gray}


@pytest.mark.parametrize("name", lab.METHODS)
def test_a_method_releases_one_picture_for_each_still(name):
    people = world().victims
    code = lab.METHODS[name](people)
    shown = lab.picture(code)
    assert shown.shape == (len(people), 1, 32, 32) and 0 <= float(shown.min()) <= float(shown.max()) <= 1


def test_pictures_are_those_of_chapter_nine():
    people = world().victims
    blurred = redact.blur(lab.BLUR)(lab.as_clip(people), np.random.default_rng(0))
    assert torch.allclose(lab.blur(people), lab.shrink(lab.to_input(blurred), 32).flatten(1))
    assert torch.equal(lab.original(people), people.pictures(32).flatten(1))
    assert len(torch.unique(lab.label_only(people), dim=0)) <= 7  # one face for each class
    mixed = (lab.k_same(people) - lab.original(people) / lab.K).mean()
    assert 0 < float(mixed) < 1 - 1 / lab.K  # the others' part


def test_a_square_is_looked_at_enlarged():
    code = torch.rand(3, 64)
    shown = lab.picture(code)
    assert torch.equal(shown[:, 0, ::4, ::4].flatten(1), code) and torch.equal(shown[..., 0], shown[..., 3])


def test_lines_of_a_mirrored_face_are_mirrored():
    rng = np.random.default_rng(1)
    mean, rest, move = (rng.uniform(-1, 1, (478, 2)) for _ in range(3))
    mean = (mean + (mean * [-1, 1])[MIRROR]) / 2 + (SIZE - 1) / 2  # everybody's face has two like halves
    seen, there = lab.line_shapes(rest + move, rest, mean)
    assert np.allclose(seen, mean + move)  # at full strength only the movement is the person's own
    assert np.allclose(there, (seen * [-1, 1] + [SIZE - 1, 0])[MIRROR])


def test_lines_are_found_by_clip_and_side():
    who = world()
    own = who.attacker.of(who.attacker.person < stills.MIRRORED)
    code = lab.lines(who.attacker, drawings(own))
    half = len(own)
    assert torch.allclose(code[:half, 0] * 255, torch.arange(half).float())
    assert torch.allclose(code[half:, 0], 1 - code[:half, 0])


def test_a_block_is_drawn_in_the_order_of_its_stills(monkeypatch):
    face = stills_of_a_clip()
    monkeypatch.setattr(lab.mime, "block", lambda *_, **__: [])
    monkeypatch.setattr(lab, "face_sequences", lambda *_, **__: [None, face])
    monkeypatch.setattr(redact, "resting", lambda face: donors().shape)
    monkeypatch.setattr(stills, "rows_of", lambda face: (1, 0))
    found = lab.drawn("attacker", 2, (0,))
    assert found["clip"].tolist() == [1, 1] and found["apex"].tolist() == [True, False]
    assert np.array_equal(found["seen"][0], redact.draw(redact.shapes(face)[1]))  # at rest it is the mean
    assert found["mirrored"].shape == (2, SIZE, SIZE) and (found["mirrored"] != found["seen"]).any()


def stills_of_a_clip():
    """A clip of two frames with random landmarks."""
    people = world().victims.of(np.arange(2))
    points = np.random.default_rng(3).uniform(20, 70, (2, 478, 3)).astype(np.float32)
    return replace(lab.as_clip(people), points=points)


@pytest.mark.parametrize("split", ["test", "fit"])
def test_blocks_say_whose_landmarks_are_drawn(split):
    mine, theirs = lab.blocks(split)
    assert theirs[0] == split and mine[0] == ("fit" if split == "fit" else "attacker")


@pytest.mark.parametrize("name", ["original", "squares", "label_only", "landmarks"])
def test_ridge_and_decoder_are_scored_alike(name, monkeypatch):
    who = world()
    monkeypatch.setattr(lab, "blocks", lambda split: (("attacker",), ("victims",)))
    monkeypatch.setattr(lab, "drawn", lambda block: drawings(getattr(who, block)))
    monkeypatch.setattr(lab.other, "RELEASES", {"pixelated": lab.other.pixelated})
    linear, trained = lab.ridge(who, name), lab.decoder(who, name, "small")
    for found in (linear, trained):
        assert found["ssim"].shape == (len(who.victims),) and {"naive", "parrot", "shown"} <= set(found)
    assert linear["released"].shape == linear["shown"].shape and linear["as_is"].max() <= 1 + 1e-6
    assert set(linear["probe"]) <= {0.0, 1.0}
    assert (linear["as_is"].min() > 0.999) == (name == "original")


def test_units_are_made_once(monkeypatch):
    who, first = world(), lab.ridge(world(), "blur")
    monkeypatch.setattr(lab, "released", None)  # would fail if it were called
    assert np.array_equal(lab.ridge(who, "blur")["ssim"], first["ssim"])
    assert lab._stamped("blur") == "blur" and lab._stamped("anonymized") != "anonymized"
