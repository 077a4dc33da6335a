"""Every switch changes the picture, changes nothing else, and leaves no trace when it is closed."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from fer_nb import augment, spatial, temporal
from fer_nb.errors import BadInput
from fer_nb.experiments._switches import INGREDIENTS, PLAIN_CAMERA, mean_face, without
from fer_nb.mime import blocks, courses, people, render, scenes
from tests.faces import mesh

PERSON, LABEL = 12, "disgust"
FACE = [name for name, each in INGREDIENTS.items() if each.drawn]
OWNERS = (people, scenes, courses, blocks, spatial, augment, temporal)


@cache
def taken(left_out: str) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """Model, course, one picture and its landmarks of a performance without an ingredient."""
    with without(left_out):
        model = blocks.dressed("fit", PERSON, 0)
        rng = np.random.default_rng(6)  # a draw that takes the second prototype or a later one
        course = blocks.make_course(rng, LABEL, model.person.style, model.scene.pose, model.scene.sway)
        t = int(course.left.sum(1).argmax())
        linear, points = render.frame(model, course.left[t], course.right[t], course.pose[t], course.gaze[t])
        camera = render.metered(model.scene.camera, linear, points)
        assert left_out or course.prototype > 0
    return model, course, render.expose(linear, camera, np.random.default_rng(0)).astype(int), points


def test_there_are_ten_ingredients_of_the_face_and_two_of_the_training():
    assert len(FACE) == 10 and len(INGREDIENTS) == 12
    assert all(each.branches == ("temporal", "spatial") for each in INGREDIENTS.values() if each.drawn)


@pytest.mark.parametrize("name", FACE)
def test_the_picture_differs_and_the_performance_is_the_same(name):
    (_, course, whole, points), (_, other, left, moved) = taken(""), taken(name)
    assert np.abs(whole - left).mean() > 0.1
    assert (course.fps, course.strength, len(course.left)) == (other.fps, other.strength, len(other.left))
    if name in ("furrows", "paint", "light", "camera", "occluders"):
        np.testing.assert_array_equal(points, moved)  # what lies on the skin moves no landmark
        np.testing.assert_array_equal(course.left, other.left)


@pytest.mark.parametrize("name", INGREDIENTS)
def test_nothing_is_left_of_a_closed_switch(name):
    def held() -> list[dict[str, int]]:
        return [{key: id(value) for key, value in vars(owner).items()} for owner in OWNERS]

    before = held()
    with without(name):
        assert held() != before
    assert held() == before


def test_furrows_of_units_go_and_creases_of_rest_stay():
    (base, *_), (flat, *_) = taken(""), taken("furrows")
    assert not flat.person.skin.slopes[1:].any() and base.person.skin.slopes[1:].any()
    np.testing.assert_array_equal(flat.person.skin.slopes[0], base.person.skin.slopes[0])


def test_scene_and_camera_are_plain():
    for session in range(2):
        with without("light"):
            first, second = (blocks.make_scene((0, number, session)) for number in (1, 2))
        np.testing.assert_array_equal(first.light, second.light)
        assert (
            abs(np.linalg.norm(first.light[0]) - 1) < 1e-3 and (first.background != second.background).any()
        )
    with without("camera"):
        camera = blocks.make_scene((0, 1, 0)).camera
    assert PLAIN_CAMERA.items() <= camera.items() and "seed" in camera
    with without("occluders"):
        scenes_ = [blocks.make_scene((0, number, 0)) for number in range(20)]
    assert not any(scene.glasses or scene.hair["fringe"] or scene.hair["bald"] for scene in scenes_)


def test_everyone_has_one_face_or_one_way_of_moving():
    with without("shape"):
        first, second = people.make_person(3), people.make_person(4)
    np.testing.assert_array_equal(first.face, second.face)
    np.testing.assert_array_equal(first.face, mean_face())
    assert (first.skin.albedo != second.skin.albedo).any()
    with without("style"):
        first, second = people.make_person(3).style, people.make_person(4).style
    for each in fields(first):
        if each.name != "blink":
            np.testing.assert_array_equal(getattr(first, each.name), getattr(second, each.name))
    with without("paint"):
        one = people.make_look(np.random.default_rng(0))
    assert one["moles"] == one["beard"] == one["makeup"] == 0 and one["brow_thickness"] > 0


def test_a_restful_head_moves_only_by_expression():
    style = people.make_style(np.random.default_rng(0))

    def acted(name: str, draw: int):
        with without(name):
            return blocks.make_course(np.random.default_rng(draw), "neutral", style, np.full(3, 9.0), 1.0)

    for draw in range(8):
        quiet = acted("restless", draw)
        moving = np.ptp(quiet.left, axis=0) > 1e-9
        assert not quiet.gaze.any() and moving.sum() <= 1 and np.ptp(quiet.pose) > 0  # at most an extra unit
        still = acted("pose", draw)
        assert not still.pose.any() and still.gaze.any()
        np.testing.assert_array_equal(still.left, acted("", draw).left)


def test_one_prototype_for_each_class():
    with without("prototypes"):
        for label, many in courses.PROTOTYPES.items():
            assert all(each is many[0] for each in many), label
    assert courses.PROTOTYPES["anger"][0] is not courses.PROTOTYPES["anger"][1]


def test_switches_of_the_training():
    x, rng = torch.rand(2, 1, 64, 64), np.random.default_rng(0)
    with without("repainting"):
        assert (spatial.tones(mesh(), rng) == 1).all()
        assert augment.repaint(x) is x and augment.refilter(x) is x
        assert augment.augment(x).shape == x.shape
    assert spatial.tones(mesh(), rng).min() < 1
    with without("weakening"):
        assert rng.uniform(*temporal._GAIN) == 0


def test_an_unknown_ingredient_is_named():
    with pytest.raises(BadInput, match="unknown ingredient 'salt': use one of furrows, paint"):
        without("salt")
