"""Whose faces the generator learned, on toys: donors are found, strangers are not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from fer_nb import results
from fer_nb.apex_stills import Stills
from fer_nb.evaluation import Interval
from fer_nb.experiments import membership_generator as generator
from tests.membership_toys import toy_stills

DONORS = 8


def faces(block: str, *, people: int, session: int = 0, **_: object) -> Stills:
    """Toy people with a pattern of their own that all their stills share, in every session."""
    made = toy_stills(block, people=people, session=session)
    return Stills(
        (made.crops * 0.3 + pattern(block, people)[:, None] * 0.7).astype(np.uint8),
        made.units,
        made.found,
        made.names,
    )


def pattern(block: str, people: int) -> np.ndarray:
    """Return a coarse pattern for each person of a block, (P, 64, 64); the same for any number of people."""
    seeds = {"fit": 1, "attacker": 2, "non-members": 3}
    rows = [np.random.default_rng([seeds[block], k]).uniform(0, 255, (8, 8)) for k in range(people)]
    return np.stack([row.repeat(8, 0).repeat(8, 1) for row in rows])


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Toy stills, and a generator that draws the first people of *fit* nearly as they are."""
    own = faces("fit", people=DONORS).crops  # (D, 7, 64, 64)
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(generator, "stills", faces)
    monkeypatch.setattr(generator.anonymize, "load", lambda: SimpleNamespace(donors=DONORS))
    monkeypatch.setattr(generator.anonymize, "draw", lambda codes, donor, models: own[donor])


def test_donors_are_found_in_both_sessions_and_strangers_are_not(small):
    made = {r.id: r for r in generator.run(owned=20, others=60, resamples=50)}
    assert set(made) == set(generator.RECORDS) == {r.id for r in results.all_records()}
    for game in ("generator", "generator.sessions"):
        assert made[f"membership.auc.{game}"].value > 0.95
    for game in ("generator.control", "generator.control.sessions"):
        control = made[f"membership.auc.{game}"]
        assert control.low < 0.5 < control.high and control.n == DONORS + 60
    assert made["membership.generator.hypotheses_held"].value == 3


def test_pictures_without_a_face_take_no_part():
    whole = faces("attacker", people=12)
    look = generator.eye([whole, faces("attacker", people=12, session=1)])
    drawn = look.embed(generator.edges(whole.crops[:2]).reshape(14, -1)).reshape(2, 7, -1)
    found = whole.found.copy()
    found[:, 3:] = False
    hidden = whole.crops.copy()
    hidden[:, 3:] = 0
    some = generator.likeness(Stills(hidden, whole.units, found, whole.names), look, drawn)
    first = look.embed(generator.edges(whole.crops[:, :3]).reshape(36, -1)).reshape(12, 3, -1)
    assert np.allclose(some, np.einsum("pke,dke->pdk", first, drawn[:, :3]).mean(2), atol=1e-5)


def test_a_donor_who_looks_like_everybody_accuses_nobody():
    own = np.array([[0.0, 0.8], [0.2, 1.0]])
    assert (
        generator.scores(np.array([[0.1, 0.95]]), own)[0] < generator.scores(np.array([[0.6, 0.9]]), own)[0]
    )


def test_verdicts_follow_the_words():
    values = {
        "tpr_at_1pct.generator": 0.9,
        "tpr_at_1pct.generator.sessions": 0.6,
        "auc.generator.control": 0.52,
    }
    found = {f"membership.{name}": Interval(v, v - 0.05, v + 0.05) for name, v in values.items()}
    assert generator.verdicts(found) == dict.fromkeys(generator.HYPOTHESES, True)
    for name, id in zip(generator.HYPOTHESES, values, strict=True):
        wrong = found | {f"membership.{id}": Interval(0.4, 0.3, 0.45)}
        assert not generator.verdicts(wrong)[name]
