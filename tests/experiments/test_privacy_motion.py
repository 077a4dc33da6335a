from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest

from fer_nb import anonymize, results, utility
from fer_nb.anonymize_nets import CODE
from fer_nb.errors import BadInput
from fer_nb.experiments import _privacy_lab as lab
from fer_nb.experiments import _privacy_motion as motion
from fer_nb.experiments import _privacy_people as crowd
from fer_nb.experiments import privacy_motion as study
from tests.privacy_toys import people


@pytest.fixture(scope="module")
def toys():
    return people(range(3), (0, 1, 2)), people(range(10, 16), (0, 1))


@pytest.fixture(autouse=True)
def small(monkeypatch, toys, tmp_path):
    monkeypatch.setattr(crowd, "victims", lambda split="": toys[0])
    monkeypatch.setattr(crowd, "owned", lambda: toys[1])
    monkeypatch.setattr(motion, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(lab, "TREES", 20)
    monkeypatch.setattr(motion, "codes", functools.lru_cache(motion.codes.__wrapped__))
    monkeypatch.setattr(motion, "shown", functools.lru_cache(motion.shown.__wrapped__))


def styled(group: crowd.People, spread: float) -> list[np.ndarray]:
    """Courses (8, 24) of toy clips: a level of the person's own, if `spread` is not 0, and noise."""
    rng = np.random.default_rng(7)
    own = {p: spread * np.random.default_rng(p).normal(size=CODE) for p in set(group.person.tolist())}
    return [own[p] + 0.1 * rng.normal(size=(8, CODE)) for p in group.person.tolist()]


def test_people_are_known_by_their_courses_and_not_by_noise(toys):
    them, mine = toys
    told, noise = (motion.asked(styled(mine, s), styled(them, s), "toy") for s in (1.0, 0.0))
    ways = {f"{way}/{rung}" for way in ("parrot", "linked", "eer") for rung in motion.RUNGS}
    assert set(told) == ways
    assert told["parrot/levels"].mean() == 1.0 and told["linked/both"].tolist() == [1.0] * 3
    assert told["eer/both"][0] < 0.2 < 0.3 < noise["eer/both"][0]
    assert noise["parrot/both"].mean() < 0.7


def test_no_person_is_read_by_a_reader_that_saw_it(toys, monkeypatch):
    mine, learned = toys[1], []

    class Blind:
        def __init__(self, number: int) -> None:
            self.number = number

        def read_units(self, seen: np.ndarray) -> np.ndarray:
            return np.full((len(seen), 22), self.number)

    def learn(crops, units, label):
        learned.append({int(p) for p in crops[:, 0, 0, 0]})
        return Blind(len(learned) - 1)

    monkeypatch.setattr(utility, "learn_reader", learn)
    marked = np.zeros((len(mine.faces), 2, 64, 64), np.uint8)
    marked[:] = mine.person[:, None, None, None]  # a picture of each person shows its number
    read = motion.own_courses([face.crops for face in mine.faces], marked, mine)
    assert len(learned) == motion.FOLDS
    for person, units in zip(mine.person, read, strict=True):
        assert int(person) not in learned[int(units[0, 0])]


def test_originals_and_a_stock_face(monkeypatch):
    plain = [[f.crops for f in group.faces] for group in (crowd.owned(), crowd.victims())]
    monkeypatch.setattr(motion, "shown", lambda name, split: plain)
    told = motion.moved("original", "toy")
    assert told["eer/everything"][0] < 0.4 and set(told) == {
        f"{way}/{rung}" for way in ("parrot", "linked", "eer") for rung in motion.RUNGS
    } | {"eer/everything"}
    monkeypatch.setattr(motion, "answers", lambda *_: pytest.fail("made again"))
    assert set(motion.moved("original", "toy")) == set(told)


def test_one_picture_for_all_tells_nothing(monkeypatch):
    blank = [[np.zeros_like(f.crops) for f in group.faces] for group in (crowd.owned(), crowd.victims())]
    monkeypatch.setattr(motion, "shown", lambda name, split: blank)
    told = motion.moved("label only", "toy")
    assert min(told[f"eer/{rung}"][0] for rung in ("levels", "courses", "everything")) > 0.4
    assert told["parrot/levels"].mean() < 0.5


@pytest.mark.skipif(not lab.trained(), reason="the anonymizer has no weights yet")
def test_what_is_drawn_is_what_the_lab_releases(toys):
    models = anonymize.load()
    for name in (motion.HIDDEN, study.LINKED):
        method, face = lab.methods()[name], toys[0].faces[4]
        expected = method.make()(face, crowd.generator(face))
        np.testing.assert_array_equal(motion.drawn(face, anonymize.encode(face, models), method), expected)


@pytest.mark.skipif(not lab.trained(), reason="the anonymizer has no weights yet")
def test_drawings_learned_by_heart_give_the_code_back(monkeypatch):
    rng, learn = np.random.default_rng(0), motion._undraw.learn
    monkeypatch.setattr(anonymize, "encode", lambda clip, *_, **__: rng.random((len(clip), CODE)) / 2)
    monkeypatch.setattr(motion._undraw, "learn", lambda codes, models: learn(codes, Few(models), drawings=40))
    monkeypatch.setattr(lab, "donor_of", lambda face, rng, donors, pseudonym: len(face.source) % 2)
    found = motion.undrawn("toy")
    assert found["donor"].mean() == 1.0 and found["found"].shape == (CODE,)
    assert found["learned"][0] in motion._undraw.PENALTIES
    assert {"parrot/both", "eer/levels"} <= set(found)
    assert motion.reread(motion.HIDDEN, "toy")["parrot/levels"].shape == (21,)
    assert motion.coded("toy")["linked/courses"].shape == (3,)


class Few:
    """An anonymizer of which only the first two donors are learned."""

    donors = 2

    def __init__(self, models: anonymize.Models) -> None:
        self.anonymizer, self.reader = models.anonymizer, models.reader


def share(rate: float) -> dict[str, np.ndarray]:
    """Answers of an attacker that names this share of clips."""
    right = (np.arange(21) < rate * 21).astype(float)
    out = {f"parrot/{rung}": right for rung in motion.RUNGS} | {
        f"linked/{r}": right[:3] for r in motion.RUNGS
    }
    return out | {f"eer/{rung}": np.array([0.5, 0.45, 0.55]) - rate / 2 for rung in motion.RUNGS}


@pytest.fixture
def measured(monkeypatch, tmp_path):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    more = {"donor": np.ones(63), "found": np.full(CODE, 0.9), "learned": np.array([1e-4, 0.98])}
    monkeypatch.setattr(
        motion, "moved", lambda name, split: share(0.1) | {"eer/everything": np.array([0.44, 0.4, 0.5])}
    )
    monkeypatch.setattr(motion, "reread", lambda name, split: share(0.2))
    monkeypatch.setattr(motion, "undrawn", lambda split: share(0.5) | more)
    monkeypatch.setattr(motion, "coded", lambda split: share(0.55))
    monkeypatch.setattr(study.drawn, "given", lambda split: share(0.3))
    monkeypatch.setattr(study, "of_the_seven", lambda name, split: share(0.05))
    monkeypatch.setattr(study, "style_error", lambda split: study.Interval(0.2, 0.1, 0.3))
    monkeypatch.setattr(lab, "style", lambda split: np.arange(21) < 7)


def test_all_records_are_written(measured):
    made = {record.id for record in study.run("toy")}
    assert made == set(study.RECORDS)
    assert results.load("privacy.verification_eer.retrained").met  # 0.44 of everything
    assert not results.load("privacy.verification_eer.strongest").met  # by who undraws
    assert results.number("privacy.verification_eer.strongest") == pytest.approx(0.25)
    assert results.number("privacy.motion.hypotheses_held") == 7.0
    assert results.number("privacy.identity_parrot.undrawn") == pytest.approx(11 / 21)  # of 3 in 3
    table = pd.read_csv(results.folder() / study.TABLE).set_index("method")
    assert list(table.index) == [*study.METHODS.values(), "code", "lines"]
    assert table.loc["blur 8", "moved_eer_everything"] == 0.44 and np.isnan(
        table.loc["blur 8", "read_code_eer_both"]
    )


def test_a_hypothesis_can_fail(measured, monkeypatch):
    monkeypatch.setattr(motion, "coded", lambda split: share(0.9))
    study.run("toy")
    assert results.number("privacy.motion.hypotheses_held.undraws") == 0.0
    assert results.number("privacy.motion.hypotheses_held.reader_finds") == 1.0


def test_some_methods_alone_write_nothing(measured, tmp_path):
    assert study.run("toy", only=["blur"]) == [] and not list(tmp_path.iterdir())
    with pytest.raises(BadInput, match="name some of"):
        study.run("toy", only=["fog"])
    assert set(study.METHODS.values()) <= set(lab.methods())
