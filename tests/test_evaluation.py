import numpy as np
import pytest

from fer_nb import evaluation
from fer_nb.errors import BadInput
from fer_nb.labels import LABELS


def toy(n=140, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.choice(LABELS, n)
    answers = np.where(rng.random(n) < 0.7, truth, rng.choice(LABELS, n))
    return list(truth), list(answers), [f"p{i // 7}" for i in range(n)]


def test_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    truth, answers, subjects = toy()
    scores = evaluation.evaluate(truth, answers, subjects, resamples=20)
    assert scores.accuracy.value == pytest.approx(metrics.accuracy_score(truth, answers))
    assert scores.recall.value == pytest.approx(metrics.balanced_accuracy_score(truth, answers))
    assert scores.f1.value == pytest.approx(metrics.f1_score(truth, answers, average="macro"))
    np.testing.assert_array_equal(
        scores.confusion[:, :7], metrics.confusion_matrix(truth, answers, labels=list(LABELS))
    )


def test_a_face_not_found_is_an_error():
    scores = evaluation.evaluate(["fear"] * 4, ["fear", "fear", "fear", None], list("abcd"), resamples=20)
    assert scores.accuracy.value == 0.75 and scores.coverage == 0.75
    assert scores.confusion[LABELS.index("fear"), -1] == 1


def test_interval_holds_the_value_and_widens_when_clips_of_a_person_agree():
    right = np.repeat(np.random.default_rng(0).random(20) < 0.6, 10).astype(float)
    people = [str(i // 10) for i in range(200)]
    by_person = evaluation.bootstrap(lambda rows: right[rows].mean(), people)
    by_clip = evaluation.bootstrap(lambda rows: right[rows].mean(), [None] * 200)
    assert by_person.low <= by_person.value <= by_person.high
    assert by_person.high - by_person.low > 2 * (by_clip.high - by_clip.low)


def test_same_seed_same_interval():
    truth, answers, subjects = toy()
    one, two = (evaluation.evaluate(truth, answers, subjects, resamples=50) for _ in range(2))
    assert one.accuracy == two.accuracy


def test_bad_input():
    with pytest.raises(BadInput, match="align"):
        evaluation.evaluate(["fear"], [], ["a"])
    with pytest.raises(BadInput, match="unknown label"):
        evaluation.evaluate(["joy"], ["fear"], ["a"])
    with pytest.raises(BadInput, match="nothing to score"):
        evaluation.evaluate([], [], [])


def test_a_matrix_of_what_is_no_label_is_refused():
    with pytest.raises(BadInput, match="align"):
        evaluation.confusion_matrix(np.array([0, 1]), np.array([0]))
    for truth, answer in (([-1], [0]), ([7], [0]), ([0], [7])):
        with pytest.raises(BadInput, match="0 to 6"):
            evaluation.confusion_matrix(np.array(truth), np.array(answer))


def test_people_are_counted_whatever_they_are_called():
    for names, people in (([0, 0, 0], 1), (["", "", "b"], 2), ([None, None, 1], 3)):
        assert evaluation.by_group([True] * 3, ["a"] * 3, names, resamples=20)["a"][1] == people


def test_groups_are_scored_on_their_own_people():
    hits, groups = [True, True, False, False], ["old", "old", "young", "old"]
    found = evaluation.by_group(hits, groups, ["a", "a", "b", "c"], resamples=200)
    share, people = found["old"]
    assert share.value == pytest.approx(2 / 3) and people == 2 and share.low <= share.value <= share.high
    assert found["young"][0].value == 0 and found["young"][1] == 1
    with pytest.raises(BadInput, match="align"):
        evaluation.by_group(hits, groups[:3], ["a"] * 4)
