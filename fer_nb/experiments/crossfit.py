"""Answers on people that nobody was trained on, fold by fold: `python -m fer_nb.experiments.crossfit`.

The 400 *fit* people are divided into two halves. Each unit of work trains one network on one half and keeps
its logits on the other, on *validate* and on its shifted twin. Early stopping looks at a part of the training
people only. Units are kept in the cache, so a run that was stopped goes on. The pooled logits go to
`results/predictions/crossfit.parquet` and `crossfit_validate.parquet`, on which chapter 05 stands. Two folds,
not five: two cores train a good network twice in the time in which they train a poor one five times.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import joint, mime, results, spatial, splits, temporal
from ..cache import cache_dir, load_arrays, replacing, save_arrays
from ..errors import BadInput
from ..labels import LABELS, index
from ..preprocess import FaceSequence, face_sequences
from ..training import Loss, Plan, fit
from . import _units

PEOPLE, FOLDS = 400, 2  # each half of the fit people is read by networks trained on the other half
STOP_SHARE = 0.1  # of the training people, who only decide when to stop
WIDE = 78  # width at which two temporal networks have as many parameters as both branches together
UNITS = (
    ("temporal", 0), ("spatial", 0), ("temporal", 1), ("joint", 0), ("wide", 0), ("wide", 1),
)  # fmt: skip
PLANS = {
    "temporal": Plan(epochs=14, learning_rate=3e-3, patience=6),
    "wide": Plan(epochs=14, learning_rate=3e-3, patience=6),
    "spatial": Plan(epochs=30, learning_rate=4e-3, patience=8),
    "joint": Plan(epochs=4, learning_rate=1e-3, patience=4),
}
REPEATS = {"temporal": 2, "wide": 2, "spatial": 4, "joint": 2}  # draws from each clip in an epoch
BRANCHES = ("temporal", "spatial")
TABLES = {"fit": "crossfit", "validate": "crossfit_validate"}
_RECIPE = (
    "features",
    "crops",
    "preprocess",
    "training",
    "temporal",
    "spatial",
    "augment",
    "shading",
    "joint",
)
Net = Any  # a module of one of the four kinds


@dataclass(frozen=True)
class Data:
    """Faces of the three sets, None where no face was found; the clips' labels, people and names."""

    faces: dict[str, list[FaceSequence | None]]
    truth: dict[str, np.ndarray]
    subject: dict[str, np.ndarray]
    source: dict[str, np.ndarray]


@dataclass(frozen=True)
class Unit:
    """One training: which network, which seed, which fold is held out."""

    branch: str
    seed: int
    fold: int

    @property
    def name(self) -> str:
        """Its name in the cache and on the screen."""
        return f"{self.branch}-seed{self.seed}-fold{self.fold}"


def units() -> list[Unit]:
    """List all units of work, in the order in which they are made."""
    return [Unit(branch, seed, fold) for branch, seed in UNITS for fold in range(FOLDS)]


@cache
def recipe(branch: str, people: int = PEOPLE) -> str:
    """Hash of everything that decides a unit's logits."""
    about = (
        mime.VERSION,
        mime.fingerprint(),
        people,
        FOLDS,
        STOP_SHARE,
        WIDE,
        PLANS[branch],
        REPEATS[branch],
        *([PLANS[name] for name in BRANCHES] if branch == "joint" else []),  # it begins with both
    )
    modules = [name for name in _RECIPE if name != "joint" or branch == "joint"]
    return _units.recipe(*about, modules=modules)


def path_of(unit: Unit, people: int = PEOPLE) -> Path:
    """Return where a unit is kept."""
    home = cache_dir() / "experiments" / "crossfit" / recipe(unit.branch, people)
    return home / f"{unit.name}.npz"


def load_data(people: int = PEOPLE, *, progress: bool = True) -> Data:
    """Make or read the clips of *fit* (first session), *validate* and its shifted twin."""
    fitting = mime.block("fit", people=people, sessions=(0,), progress=progress)
    sets = {
        "fit": (fitting, f"{mime.VERSION}/fit"),
        "validate": (mime.block("validate", progress=progress), f"{mime.VERSION}/validate"),
        "shift": (
            mime.block("validate", shifted=True, progress=progress),
            f"{mime.VERSION}/validate-shift",
        ),
    }
    splits.check_disjoint(sets["fit"][0], sets["validate"][0])
    return Data(
        {name: face_sequences(clips, key=key, progress=progress) for name, (clips, key) in sets.items()},
        {name: np.array([index(c.label or "neutral") for c in clips]) for name, (clips, _) in sets.items()},
        {name: np.array([c.subject for c in clips]) for name, (clips, _) in sets.items()},
        {name: np.array([c.source for c in clips]) for name, (clips, _) in sets.items()},
    )


def parts(subjects: np.ndarray, fold: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows to train on, to stop on, and to hold out; no person is in two of them."""
    rest, held = splits.subject_disjoint_folds(subjects.tolist(), folds=FOLDS)[fold]
    train, stop = splits.subject_disjoint_split(subjects[rest].tolist(), share=STOP_SHARE, seed=fold)
    return rest[train], rest[stop], held


def inputs(branch: str, faces: Sequence[FaceSequence]) -> tuple[Tensor, ...]:
    """Return whole clips as a branch's inputs."""
    if branch == "joint":
        return joint.clip_inputs(faces)
    if branch == "spatial":
        return (torch.cat([spatial.clip_input(s) for s in faces]),)
    return (torch.from_numpy(np.stack([temporal.clip_input(s) for s in faces])),)


def logits(model: nn.Module, given: tuple[Tensor, ...], *, size: int = 256) -> np.ndarray:
    """Return the logits (N, 7) float32 of many inputs."""
    model = model.eval()
    with torch.no_grad():
        out = [model(*batch) for batch in zip(*(x.split(size) for x in given), strict=True)]
    return torch.cat(out).numpy()


def build(unit: Unit, train: Sequence[FaceSequence], people: int) -> Net:
    """Return the network of a unit before its training."""
    torch.manual_seed(unit.seed)
    if unit.branch == "spatial":
        return spatial.SpatialNet()
    if unit.branch == "joint":
        branches = [load_model(Unit(name, unit.seed, unit.fold), people) for name in ("temporal", "spatial")]
        return joint.JointNet(*branches)
    model = temporal.TemporalNet(**({"hidden": WIDE} if unit.branch == "wide" else {}))
    temporal.fit_scale(model, train)
    return model


def train(
    unit: Unit, data: Data, people: int = PEOPLE, *, resume: Path | None = None, progress: bool = True
) -> Net:
    """Train the network of a unit; the held-out fold is not looked at."""
    rows, stop, _ = parts(data.subject["fit"], unit.fold)
    fitting, stopping = ([f for i in r if (f := data.faces["fit"][i]) is not None] for r in (rows, stop))
    truth = np.array([index(f.label or "neutral") for f in stopping])
    seen = inputs(unit.branch, stopping)
    draw: Any = {"spatial": spatial.batches, "joint": joint.batches}.get(unit.branch, temporal.batches)
    losses: dict[str, Loss] = {"spatial": spatial.loss, "joint": joint.loss}
    plan = Plan(**{**vars(PLANS[unit.branch]), "seed": unit.seed})
    return fit(
        build(unit, fitting, people),
        partial(draw, fitting, repeats=REPEATS[unit.branch]),
        lambda model: float((logits(model, seen).argmax(1) == truth).mean()),
        plan=plan,
        loss=losses.get(unit.branch),
        resume=resume,
        progress=unit.name if progress else None,
    ).model


def work(unit: Unit, data: Data, people: int = PEOPLE, *, progress: bool = True) -> dict[str, np.ndarray]:
    """Train a unit, or read it where it is kept; return its logits and weights.

    Returns
    -------
    dict with "fit" (held-out clips, 7), "validate", "shift", NaN where no face was found, and "w/NAME"
    """
    path = path_of(unit, people)
    if (kept := load_arrays(path)) is not None:
        return kept
    state = path.with_suffix(".pt")  # a training that is stopped goes on at its last epoch
    model = train(unit, data, people, resume=state, progress=progress)
    held = parts(data.subject["fit"], unit.fold)[2]
    asked = {"fit": [data.faces["fit"][i] for i in held], **{k: data.faces[k] for k in ("validate", "shift")}}
    kept = {f"w/{name}": value.numpy() for name, value in model.state_dict().items()}
    for name, faces in asked.items():
        found = np.array([face is not None for face in faces])
        kept[name] = np.full((len(faces), len(LABELS)), np.nan, np.float32)
        kept[name][found] = logits(model, inputs(unit.branch, [f for f in faces if f is not None]))
    save_arrays(path, kept)
    state.unlink(missing_ok=True)
    return kept


def load_model(unit: Unit, people: int = PEOPLE) -> Net:
    """Return the trained network of a unit.

    Raises
    ------
    BadInput
        If the unit has not been made.
    """
    kept = load_arrays(path_of(unit, people))
    if kept is None:
        raise BadInput(f"crossfit: {unit.name} is not made yet: run `python -m fer_nb.experiments.crossfit`")
    if unit.branch == "joint":
        model: Net = joint.JointNet(temporal.TemporalNet(), spatial.SpatialNet())
    elif unit.branch == "spatial":
        model = spatial.SpatialNet()
    else:
        model = temporal.TemporalNet(**({"hidden": WIDE} if unit.branch == "wide" else {}))
    model.load_state_dict({k[2:]: torch.from_numpy(v) for k, v in kept.items() if k.startswith("w/")})
    return model.eval()


def pool(data: Data, people: int = PEOPLE) -> dict[str, Any]:
    """Collect the kept units in two tables, one row for each clip and network: *fit*; *validate*, shifted.

    Folds that lack a branch are left out, and networks that lack one of the other folds.
    """
    import pandas as pd

    rows: dict[str, list[Any]] = {name: [] for name in TABLES}
    done = [f for f in range(FOLDS) if all(path_of(Unit(b, 0, f), people).exists() for b in BRANCHES)]
    whole = [
        Unit(branch, seed, fold)
        for branch, seed in UNITS
        for fold in done
        if all(path_of(Unit(branch, seed, f), people).exists() for f in done)
    ]
    for unit in whole:
        kept = load_arrays(path_of(unit, people)) or {}
        held = parts(data.subject["fit"], unit.fold)[2]
        for name, at in (("fit", held), ("validate", slice(None)), ("shift", slice(None))):
            table = pd.DataFrame(kept[name], columns=list(LABELS))
            about = {
                "clip": data.source[name][at],
                "person": data.subject[name][at],
                "truth": data.truth[name][at].astype(np.int8),
                "fold": np.int8(unit.fold),
                "branch": unit.branch,
                "seed": np.int8(unit.seed),
            }
            for place, (column, value) in enumerate(about.items()):
                table.insert(place, column, value)
            rows["fit" if name == "fit" else "validate"].append(table)
    return {name: pd.concat(tables, ignore_index=True) for name, tables in rows.items() if tables}


def write(tables: dict[str, Any]) -> list[Path]:
    """Write the pooled tables, each whole or not at all; return their paths."""
    paths = []
    for name, table in tables.items():
        paths.append(results.folder() / "predictions" / f"{TABLES[name]}.parquet")
        with replacing(paths[-1]) as temporary:
            table.to_parquet(temporary, index=False, compression="zstd")
    return paths


def read(name: str = "fit") -> Any:
    """Return a pooled table as a data frame: columns clip, person, truth, fold, branch, seed, seven logits.

    Parameters
    ----------
    name : "fit" for the held-out clips, "validate" for *validate* and its shifted twin

    Raises
    ------
    BadInput
        If it has not been written.
    """
    import pandas as pd

    path = results.folder() / "predictions" / f"{TABLES[name]}.parquet"
    if not path.is_file():
        raise BadInput(f"{path.name}: not there: run `python -m fer_nb.experiments.crossfit`")
    return pd.read_parquet(path)


def run(
    *,
    people: int = PEOPLE,
    only: Sequence[str] = ("",),
    progress: bool = True,
) -> None:
    """Make what is missing, then pool everything that is kept.

    Parameters
    ----------
    people : int, how many of the 400 *fit* people
    only : beginnings of the units to make, such as "temporal-seed0"; all of them by default
    """
    data = load_data(people, progress=progress)
    for unit in units():
        if unit.name.startswith(tuple(only)):
            fresh = not path_of(unit, people).exists()
            kept = work(unit, data, people, progress=progress)
            if fresh:
                held = parts(data.subject["fit"], unit.fold)[2]
                right = kept["fit"].argmax(1) == data.truth["fit"][held]
                print(f"crossfit: {unit.name}: held-out accuracy {right.mean():.3f}", flush=True)
    write(pool(data, people))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--only", nargs="+", default=[""], help="units to make, such as temporal-seed0")
    given = parser.parse_args()
    run(people=given.people, only=given.only)


if __name__ == "__main__":
    main()
