import itertools

import numpy as np
import pytest

from fer_nb import splits
from fer_nb.errors import BadInput

PEOPLE = [f"p{i:02d}" for i in range(20) for _ in range(7)]


def test_blocks_are_those_of_the_protocols_and_share_nobody():
    sizes = {name: (b.people, b.sessions) for name, b in splits.BLOCKS.items()}
    assert sizes["fit"][0] == 400 and sizes["validate"][0] == 50
    assert sizes["test"] == (150, 3) and sizes["attacker"] == (300, 3)
    assert sizes["non-members"][0] == 5000 and sizes["sealed"][0] == 100
    for a, b in itertools.combinations(splits.BLOCKS.values(), 2):
        assert not set(a.identities) & set(b.identities), (a, b)


def test_unknown_block():
    with pytest.raises(BadInput, match="unknown block 'train'"):
        splits.block("train")


def test_random_split_leaks_and_is_caught():
    train, test = splits.random_split(len(PEOPLE), share=0.25, seed=1)
    assert sorted([*train, *test]) == list(range(140)) and len(test) == 35
    with pytest.raises(BadInput, match="both sides hold clips of p"):
        splits.check_disjoint([PEOPLE[i] for i in train], [PEOPLE[i] for i in test])


def test_subject_disjoint_split_does_not():
    train, test = splits.subject_disjoint_split(PEOPLE, share=0.25, seed=1)
    assert sorted([*train, *test]) == list(range(140)) and len(test) == 35
    splits.check_disjoint([PEOPLE[i] for i in train], [PEOPLE[i] for i in test])


def test_folds_test_everyone_once():
    folds = splits.subject_disjoint_folds(PEOPLE, folds=4, seed=2)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(140))
    for train, test in folds:
        splits.check_disjoint([PEOPLE[i] for i in train], [PEOPLE[i] for i in test])
        assert len(train) + len(test) == 140


def test_same_seed_same_split():
    one, two, three = (splits.subject_disjoint_split(PEOPLE, seed=s)[1].tolist() for s in (0, 0, 1))
    assert one == two != three


def test_the_error_names_five_people_and_counts_the_rest():
    with pytest.raises(BadInput, match="p00, p01, p02, p03, p04 and 15 more"):
        splits.check_disjoint(PEOPLE, PEOPLE)


@pytest.mark.parametrize(
    "call",
    [
        lambda: splits.people(["a", None]),
        lambda: splits.random_split(1),
        lambda: splits.random_split(10, share=1.5),
        lambda: splits.subject_disjoint_folds(["a", "b"], folds=3),
    ],
)
def test_bad_input(call):
    with pytest.raises(BadInput):
        call()
