"""Cross-fitted answers, on toys: nobody is trained on whom the answers are about, and work is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_nb import mime, results
from fer_nb.errors import BadInput
from fer_nb.experiments import crossfit
from fer_nb.labels import LABELS
from fer_nb.training import Plan
from tests.faces import sequence

UNIT = crossfit.Unit


def faces(people: list[str]) -> list:
    """One clip of each class and person; a smile of a strength for each class."""
    out = []
    for person in people:
        for k, label in enumerate(LABELS):
            face = sequence(label, frames=5, amount=1.0 + k, subject=person)
            out.append(type(face)(**{**vars(face), "units": np.zeros((5, len(mime.UNITS)), np.float32)}))
    return out


def toy_data() -> crossfit.Data:
    sets = {"fit": faces(list("abcdef")), "validate": faces(["v"]), "shift": faces(["v"])}
    truth = {name: np.tile(np.arange(7), len(s) // 7) for name, s in sets.items()}
    subject = {name: np.array([f.subject for f in s]) for name, s in sets.items()}
    source = {name: np.array([f.source for f in s]) for name, s in sets.items()}
    sets["validate"][3] = None  # no face was found here
    return crossfit.Data(sets, truth, subject, source)


@pytest.fixture
def small(monkeypatch, cache_folder, tmp_path):
    """Toys in place of the data, one short epoch, two folds, one seed."""
    data = toy_data()
    monkeypatch.setattr(crossfit, "load_data", lambda people, progress: data)
    monkeypatch.setattr(crossfit, "PLANS", {name: Plan(epochs=1) for name in crossfit.PLANS})
    monkeypatch.setattr(crossfit, "REPEATS", dict.fromkeys(crossfit.REPEATS, 1))
    monkeypatch.setattr(crossfit, "FOLDS", 2)
    monkeypatch.setattr(crossfit, "UNITS", (("temporal", 0), ("spatial", 0), ("joint", 0)))
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path / "results"))
    crossfit.recipe.cache_clear()
    yield data
    crossfit.recipe.cache_clear()


def test_training_stopping_and_held_out_people_differ():
    subjects = toy_data().subject["fit"]
    held_once = []
    for fold in range(crossfit.FOLDS):
        sets = [set(subjects[rows]) for rows in crossfit.parts(subjects, fold)]
        assert all(sets) and not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])
        held_once += sorted(sets[2])
    assert sorted(held_once) == list("abcdef")


def test_run_pools_each_clip_once_for_each_network(small):
    crossfit.run(people=6, progress=False)
    pooled, checked = (crossfit.read(name) for name in ("fit", "validate"))
    assert set(zip(pooled.branch, pooled.seed, strict=True)) == set(crossfit.UNITS)
    for _, table in pooled.groupby(["branch", "seed"]):
        assert sorted(table["clip"]) == sorted(small.source["fit"])
        assert table[list(LABELS)].notna().all().all()
    assert len(checked) == 3 * 2 * 14
    missing = checked[checked[list(LABELS)].isna().any(axis=1)]
    assert set(missing["clip"]) == {"v/fear"} and len(missing) == 6
    assert pooled[list(LABELS)].dtypes.eq(np.float32).all()


def test_what_is_kept_is_not_made_again(small, monkeypatch):
    crossfit.run(people=6, only=["temporal-seed0-fold0"], progress=False)
    monkeypatch.setattr(crossfit, "train", lambda *a, **k: pytest.fail("trained again"))
    crossfit.run(people=6, only=["temporal-seed0-fold0"], progress=False)
    with pytest.raises(BadInput, match="not there"):
        crossfit.read("fit")  # the spatial branch is missing


def test_folds_and_networks_that_are_not_finished_are_left_out(small):
    crossfit.run(people=6, only=["temporal", "spatial-seed0-fold1"], progress=False)
    pooled = crossfit.read("fit")
    assert set(pooled.fold) == {1} and set(pooled.branch) == {"temporal", "spatial"}


def test_a_kept_network_answers_as_it_did(small):
    data, unit = small, UNIT("temporal", 0, 1)
    kept = crossfit.work(unit, data, 6, progress=False)
    held = crossfit.parts(data.subject["fit"], 1)[2]
    again = crossfit.load_model(unit, 6)
    assert [p.suffix for p in crossfit.path_of(unit, 6).parent.iterdir()] == [".npz"]  # no state is left
    given = crossfit.inputs("temporal", [data.faces["fit"][i] for i in held])
    np.testing.assert_allclose(crossfit.logits(again, given), kept["fit"], atol=1e-6)
    with pytest.raises(BadInput, match="not made yet"):
        crossfit.load_model(UNIT("spatial", 0, 0), 6)


@pytest.mark.parametrize("branch", ["temporal", "spatial", "joint"])
def test_held_out_labels_change_nothing(branch, small):
    """Permute what the held-out clips are called: the trained network is the same bit for bit."""
    data, unit = small, UNIT(branch, 0, 0)
    for part in crossfit.BRANCHES if branch == "joint" else ():
        crossfit.work(UNIT(part, 0, 0), data, 6, progress=False)  # it begins with both
    held = crossfit.parts(data.subject["fit"], 0)[2]
    before = crossfit.train(unit, data, 6, progress=False).state_dict()
    for i in held:
        face = data.faces["fit"][i]
        data.faces["fit"][i] = type(face)(**{**vars(face), "label": "fear"})
    after = crossfit.train(unit, data, 6, progress=False).state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_recipe_names_the_branch_and_its_size():
    assert crossfit.recipe("temporal", 6) != crossfit.recipe("spatial", 6)
    assert crossfit.recipe("temporal", 6) != crossfit.recipe("temporal", 7)


def test_two_wide_networks_are_as_large_as_both_branches():
    def size(net):
        return sum(p.numel() for name, p in net.named_parameters() if not name.startswith("units"))

    both = size(crossfit.temporal.TemporalNet()) + size(crossfit.spatial.SpatialNet())
    assert abs(2 * size(crossfit.temporal.TemporalNet(hidden=crossfit.WIDE)) / both - 1) < 0.02


def test_tables_are_written_into_results(small):
    crossfit.run(people=6, only=["temporal", "spatial"], progress=False)
    assert sorted(p.name for p in (results.folder() / "predictions").iterdir()) == [
        "crossfit.parquet",
        "crossfit_validate.parquet",
    ]


def test_a_training_that_is_stopped_goes_on(small, monkeypatch):
    """Ctrl-C in the second epoch: the first is not made again, and the network is the same in the end."""
    data, unit = small, UNIT("temporal", 0, 0)
    monkeypatch.setattr(crossfit, "PLANS", dict.fromkeys(crossfit.PLANS, Plan(epochs=3)))
    crossfit.recipe.cache_clear()
    whole = crossfit.train(unit, data, 6, progress=False).state_dict()
    drawn, draw = [], crossfit.temporal.batches

    def stops(*args, **more):
        drawn.append(1)
        if len(drawn) == 2:
            raise KeyboardInterrupt
        return draw(*args, **more)

    monkeypatch.setattr(crossfit.temporal, "batches", stops)
    with pytest.raises(KeyboardInterrupt):
        crossfit.work(unit, data, 6, progress=False)
    kept = crossfit.work(unit, data, 6, progress=False)
    assert len(drawn) == 4  # one epoch, one that was stopped, and the two that were left
    assert all(np.array_equal(value.numpy(), kept[f"w/{name}"]) for name, value in whole.items())
