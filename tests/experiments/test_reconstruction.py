"""The reconstruction experiment from made-up units: records, void rows, hypotheses, frontier, gallery."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.cache import load_arrays
from fer_nb.evaluation import bootstrap
from fer_nb.experiments import _reconstruction_report, _reconstruction_scores
from fer_nb.experiments import _reconstruction_units as units
from fer_nb.experiments import reconstruction as experiment
from fer_nb.experiments._reconstruction_scores import Scores
from fer_nb.experiments._reconstruction_settings import STRENGTHS
from tests.reconstruction_toys import world


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    for module in (_reconstruction_scores, _reconstruction_report):
        monkeypatch.setattr(module, "bootstrap", quick)


def quick(statistic, subjects, resamples=1000):
    """A few draws are enough for a toy."""
    return bootstrap(statistic, subjects, resamples=20)


def made_up(name: str, who, *, plain: float = 0.8) -> dict[str, np.ndarray]:
    """One unit's arrays: plain comes near and recognizes everyone, the floor and the hardened do not."""
    rng = np.random.default_rng(len(name))
    stills, clips = len(who.victims), int((who.victims.apex & who.probes).sum())
    leaks = name.startswith(("plain", "originals", "shipped"))
    near = plain if leaks else 0.62
    near = 0.6 if name.startswith("floor") else near
    side = 64 if name.startswith("shipped") or "-64" in name else 32
    hit = np.full(clips, float(leaks))
    truth = who.victims.units[:, units.moving(who)]
    size = name.rsplit("-", 1)[-1] if name.endswith(("small", "large")) else "medium"
    end = "" if name.startswith(("floor", "originals", "shipped", "pixel", "anon")) else f".{size}"
    if name.endswith("inverted"):
        rows = np.arange(5)
        lower = {key: np.full(5, value) for key, value in (("ssim", 0.7), ("mean_face", 0.5), ("best", 0.9))}
        shown = np.zeros((2, side, side), np.uint8)
        return {"rows": rows, "person": rows, **lower, "shown": shown, "true": shown}
    if name.endswith("named"):
        shown = np.zeros((2, side, side), np.uint8)
        return {"hits": np.array([1.0, 0, 0, 0]), "fitted": np.array(1.0), "shown": shown, "true": shown}
    return {
        f"ssim{end}": near + rng.normal(0, 0.01, stills), f"distance{end}": np.full(stills, 1 - near),
        f"naive{end}": 0 * hit, f"parrot{end}": hit, "probe": hit,
        f"shown{end}": np.zeros((2, side, side), np.uint8),
        "probe_person": who.victims.person[who.victims.apex & who.probes],
        "right": np.ones(stills), "units": truth + rng.normal(0, 0.002, truth.shape),
    }  # fmt: skip


def scores(plain: float = 0.8) -> Scores:
    who = world()
    return Scores(who, {name: made_up(name, who, plain=plain) for name in experiment.plan()})


def test_four_victims_are_too_few_for_a_ratio():
    verdict = scores().verdict()  # ten times chance would be more than all of them
    assert not verdict.allowed and "chance" in verdict.reason


def test_records_with_enough_people(monkeypatch):
    monkeypatch.setattr(type(world()), "people", property(lambda self: 50))
    experiment.write(scores(), 1.0)
    written = {record.id for record in results.all_records()}
    assert set(experiment.RECORDS) == written
    gain = results.load("reconstruct.ssim_gain")
    assert gain.value == pytest.approx(0.9, abs=0.03) and gain.met and gain.n == len(world().victims)
    assert (
        results.load("reconstruct.identity").value == 0
        and results.load("reconstruct.identity.plain").value == 50
    )
    assert results.load("reconstruct.expression_cost").value == 0
    assert results.load("reconstruct.by_name.plain").value == 1
    table = pd.read_csv(results.folder() / experiment.FRONTIER)
    assert set(table["setting"]) == {"plain", *experiment.CHANGED, *STRENGTHS}
    assert table.set_index("setting").loc["plain", "above_floor"] == pytest.approx(0.2, abs=0.01)
    pictures = load_arrays(results.folder() / experiment.GALLERY)
    assert pictures is not None and {"original", "plain", "hardened", "floor"} <= set(pictures)


@pytest.mark.parametrize("plain", [0.65])
def test_a_weak_plain_attack_makes_the_row_void(monkeypatch, plain):
    monkeypatch.setattr(type(world()), "people", property(lambda self: 50))
    experiment.write(scores(), 1.0)
    experiment.write(scores(plain), 1.0)  # what was written before must not stay
    written = {record.id for record in results.all_records()}
    assert not [id for id in written if id.startswith("reconstruct.ssim_gain")]
    verdict = results.load("reconstruct.ratio_allowed")
    assert verdict.value == 0 and "floor" in verdict.note
    assert results.load("reconstruct.hypotheses_held.combined_halves").value == 0


def test_hypotheses_follow_the_arrays(monkeypatch):
    monkeypatch.setattr(type(world()), "people", property(lambda self: 50))
    some = scores()
    held = experiment.verdicts(some)
    assert set(held) == set(experiment.HYPOTHESES)
    assert [name for name, yes in held.items() if not yes] == ["places_cost"]  # both read all
    for seed in (0, 1, 2):
        some.done[f"narrow-32-{seed}"]["right"] *= 0
    assert experiment.verdicts(some)["places_cost"]


def test_costs_are_points_and_shares(monkeypatch):
    some = scores()
    some.done["combined-32-0"]["right"] *= 0
    assert some.cost("combined").value == pytest.approx(100 / 3)  # one seed of three
    some.done["combined-32-0"]["units"] *= 0
    assert some.unit_cost("combined").value > 0.1


def test_work_can_be_done_by_name_or_for_a_while(monkeypatch):
    made = []
    monkeypatch.setattr(experiment, "world", lambda split: world(split))
    work = {name: lambda who, n=name: made.append(n) or {} for name in ("a", "b")}
    monkeypatch.setattr(experiment, "plan", lambda seeds: work)
    assert experiment.run("toy", ["b"]) == [] and made == ["b"]
    assert experiment.run("toy", minutes=-1) == [] and made == ["b"]


def test_the_plan_trains_three_seeds_of_each_setting():
    names = list(experiment.plan())
    assert set(experiment.plan((0,))) < set(names)
    assert len(names) == len(set(names))
    assert all(f"{n}-32-{s}" in names for n in ("plain", "floor", *experiment.CHANGED) for s in (0, 1, 2))
