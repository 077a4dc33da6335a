"""The settings that are compared: one change each, and a name for the files of their work."""

from __future__ import annotations

from fer_nb.bottleneck import Setting
from fer_nb.experiments._reconstruction_settings import ALONE, RECOMMENDED, SETTINGS, STRENGTHS, key


def test_every_setting_that_is_named_exists_and_differs_from_plain():
    names = (*ALONE, *STRENGTHS, RECOMMENDED)
    assert all(SETTINGS[name] != Setting() for name in names)
    one = [SETTINGS[name] for name in ALONE]
    changes = [sum(getattr(s, k) != getattr(Setting(), k) for k in vars(s)) for s in one]
    assert changes == [1] * len(one)  # each alone


def test_settings_that_differ_have_names_that_differ():
    assert len({key(name) for name in SETTINGS}) == len(SETTINGS)
