"""Apex stills: the performance of the clip at its strongest moment, made once and kept."""

from __future__ import annotations

import numpy as np
import pytest

from fer_nb import apex_stills, mime
from fer_nb.apex_stills import apex_of, picture, stills, stills_of
from fer_nb.errors import BadInput
from fer_nb.labels import LABELS
from fer_nb.mime.blocks import dressed
from fer_nb.mime.courses import Course
from fer_nb.mime.units import INDEX, UNITS


def course(**units: float) -> Course:
    """Three frames: rest, the given units, rest."""
    levels = np.zeros((3, len(UNITS)))
    for name, amount in units.items():
        levels[1, INDEX[name]] = amount
    return Course(levels, levels, np.zeros((3, 3)), np.zeros((3, 2)), 10.0, 1.0, 0, False, False)


class Seer:
    """A tracker that finds a face at a fixed place, or none."""

    def __init__(self, blind: bool = False) -> None:
        self.points = np.random.default_rng(0).uniform(40, 120, (478, 3)).astype(np.float32)
        if blind:
            self.points[:] = np.nan

    def __call__(self, image: np.ndarray) -> np.ndarray:
        assert image.shape == (mime.IMAGE_SIZE, mime.IMAGE_SIZE, 3)
        return self.points

    def __enter__(self) -> Seer:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_the_apex_is_where_units_are_strongest_and_a_blink_is_none():
    assert apex_of(course(AU12=0.5)) == 1
    blink = course(AU43=1.0)
    blink.left[2, INDEX["AU12"]] = blink.right[2, INDEX["AU12"]] = 0.2
    assert apex_of(blink) == 2


def test_a_still_shows_what_its_clip_shows():
    clip = mime.clip("fit", 0, 0, "happiness")
    seen = stills_of("fit", 0, 0, Seer())
    row = LABELS.index("happiness")
    at = int(np.abs(clip.units - seen["units"][row]).sum(1).argmin())
    assert np.allclose(clip.units[at], seen["units"][row], atol=1e-6)
    assert seen["crops"].shape == (7, 64, 64) and seen["found"].all()


def test_light_is_that_of_the_clip_and_only_the_noise_differs():
    model, clip = dressed("fit", 0, 0), mime.clip("fit", 0, 0, "neutral")
    rng = np.random.default_rng([apex_stills._CLIP, 0, 0, 0, 0, 0])
    made = apex_stills.make_course(rng, "neutral", model.person.style, model.scene.pose, model.scene.sway)
    image = picture(model, made, 4, np.random.default_rng(1))
    gap = np.abs(image.astype(float) - clip.frames[4]).mean()
    assert gap < np.abs(image.astype(float) - clip.frames[4][:, ::-1]).mean() / 2 and gap < 12


def test_a_face_that_is_not_found_is_counted():
    seen = stills_of("fit", 0, 0, Seer(blind=True))
    assert not seen["found"].any() and not seen["crops"].any()


def test_what_was_made_is_kept_and_damage_is_repaired(cache_folder, monkeypatch):
    asked = []

    def one(block, person, session, tracker):
        asked.append(person)
        return {"crops": np.full((7, 64, 64), person, np.uint8), "units": np.zeros((7, 22), np.float32),
                "found": np.ones(7, bool)}  # fmt: skip

    monkeypatch.setattr(apex_stills, "stills_of", one)
    monkeypatch.setattr(apex_stills.FaceTracker, "static", Seer)
    some = stills("fit", people=3, first=19, progress=False)
    assert asked == list(range(40)) and some.crops[:, 0, 0, 0].tolist() == [19, 20, 21]
    assert some.names[0] == "mime-v2/fit/0019" and len(some) == 3
    assert some.some([2]).crops[0, 0, 0, 0] == 21
    stills("fit", people=40, progress=False)
    assert len(asked) == 40
    broken = apex_stills._path(("fit", 0, 20, 0))
    broken.write_bytes(b"half a file")
    with pytest.warns(UserWarning, match="damaged"):
        stills("fit", people=20, progress=False)
    assert len(asked) == 60


@pytest.mark.parametrize("wrong", [{"people": 401}, {"people": 1, "session": 3}, {"people": 0}])
def test_people_who_do_not_exist_are_refused(wrong):
    with pytest.raises(BadInput, match="has 400 people and 3 sessions"):
        stills("fit", **wrong)
