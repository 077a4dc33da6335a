"""Records of hypotheses: the count first, then each of them."""

from __future__ import annotations

from fer_nb.experiments._hypotheses import COUNTED, HELD_OR_NOT, hypotheses


def test_the_count_comes_first_and_then_each() -> None:
    made = hypotheses("toy", {"a": True, "b": False, "c": True}, {"split": "fit", "unit": "share"})
    assert [record.id for record in made] == [
        "toy.hypotheses_held",
        "toy.hypotheses_held.a",
        "toy.hypotheses_held.b",
        "toy.hypotheses_held.c",
    ]
    assert [record.value for record in made] == [2, 1, 0, 1]
    assert (made[0].n, made[0].unit, made[0].note) == (3, "hypotheses", COUNTED)
    assert {(record.unit, record.note) for record in made[1:]} == {("share", HELD_OR_NOT)}
    assert {record.split for record in made} == {"fit"}


def test_fields_of_the_count_and_of_each_can_be_told_apart() -> None:
    made = hypotheses("toy", {"a": True}, {"n": 7}, count={"note": "all"}, each={"note": "", "n": 1})
    assert [(record.n, record.note) for record in made] == [(1, "all"), (1, "")]
    assert hypotheses("toy", {"a": True, "b": True}, {"n": 7})[0].n == 2
