"""What does a patch that may show anything do? `python -m fer_nb.experiments.certified_patch`.

Derandomized occlusion (Levine and Feizi 2020): the branch sees one column of the face at a time, in each of
64 positions, and the positions vote. A square patch anywhere reaches only so many positions; counting them
proves an answer. The shipped branch is trained further on such columns, of all widths at once, and looks at
one side only. Width and threshold are chosen on *fit* people that this training left out, by what is
certified against a patch of a tenth of the face's width. Beside it stands the shipped branch under a patch
that was optimized.

On the people of development that rule took a vote that calls every face neutral: nothing overturns it. So a
second choice was added, before any look at test people: the *reader*, the setting that is right most often.

Hypotheses, written down before the run:

voting_costs         Voting loses at least 3 points of clean accuracy against the shipped branch.
tenth_is_certified   At least a third of the faces are certified against a patch of 10 % of the face's width.
place_beats_count    Going through the places of the patch certifies more than the paper's count, at 10 %.
patch_breaks_branch  The shipped branch keeps less under the optimized patch of 10 % than is certified.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import results, spatial
from ..ablation import Ablation, certify_patch, patch_side
from ..attacks import Attackable, launch, under_attack
from ..evaluation import Interval
from ..gradient_attacks import pgd
from ..labels import LABELS
from ..training import Batch, Batches
from . import _attack_lab as attack_lab
from . import _certified_lab as lab
from ._tables import write_table

SHARES = (0.05, 0.10, 0.15)  # of the face's width
WIDTHS = (8, 12, 16, 24)  # of the column that is shown, pixels
THRESHOLDS = (0.2, 0.3, 0.4)
EPOCHS = 60
_NAME = f"columns-{'-'.join(map(str, WIDTHS))}-{EPOCHS}"
CHOOSE = 105  # faces that width and threshold are chosen on
ATTACKED = 50  # faces under the optimized patch
PLACES, STEPS = 4, 10  # of the optimized patch
HYPOTHESES = ("voting_costs", "tenth_is_certified", "place_beats_count", "patch_breaks_branch")
TABLE, SETTINGS = "certified.patch.csv", "certified.patch.settings.csv"
TAGS = {share: f"p{100 * share:02.0f}" for share in SHARES}
RECORDS = (
    "certified.patch", *(f"certified.patch.{t}" for t in TAGS.values()),
    *(f"certified.patch.{t}.by_count" for t in TAGS.values()),
    *(f"certified.patch.{t}.pixels" for t in TAGS.values()),
    *(f"certified.patch.{t}.undefended" for t in TAGS.values()),
    *(f"certified.patch.reader.{t}" for t in TAGS.values()),
    *(f"certified.patch{kind}.{what}" for kind in ("", ".reader") for what in ("clean", "neutral")),
    "certified.patch.reader.width", "certified.patch.reader.threshold",
    "certified.patch.width", "certified.patch.threshold",
    "certified.patch.face_width", "certified.patch.shipped", "certified.patch.hypotheses_held",
)  # fmt: skip


def columns(batches: Batches) -> Batches:
    """Show one random column of each still, its width drawn anew for each batch."""
    kinds = [Ablation(keep=width) for width in WIDTHS]

    def produce(rng: np.random.Generator) -> Iterator[Batch]:
        for x, *rest in batches(rng):
            kind = kinds[int(rng.integers(len(kinds)))]
            shown = kind.shown(*x.shape[-2:])
            yield (kind.apply(x, shown[torch.from_numpy(rng.integers(0, len(shown), len(x)))]), *rest)

    return produce


def network() -> spatial.SpatialNet:
    """Return the branch trained further on columns."""

    def score(net: nn.Module) -> float:
        x, y = lab.inputs(lab.fit_people().choose)
        kind = Ablation(keep=12)
        shown = kind.shown(64, 64)[torch.arange(len(x)) * 37 % 64]
        with torch.no_grad():
            said = torch.cat([net(part) for part in kind.apply(x, shown).split(128)]).argmax(1)
        return float((said == y).float().mean())

    return lab.tuned(_NAME, spatial.load, columns, epochs=EPOCHS, score=score)


def beliefs(name: str, x: Tensor, width: int) -> np.ndarray:
    """Return what each position believes about each face, probabilities (N, A, C) float16."""

    def work() -> dict[str, np.ndarray]:
        net, kind = lab.one_side(network()), Ablation(keep=width)
        shown = kind.shown(64, 64)
        with torch.no_grad():
            parts = [net(kind.apply(one.expand(len(shown), -1, -1, -1), shown)).softmax(1) for one in x]
        return {"p": torch.stack(parts).half().numpy()}

    return lab.kept(f"{_NAME}-{name}-{len(x)}-{width}", work)["p"]


def certified(p: np.ndarray, y: Tensor, width: int, threshold: float, side: int) -> dict[str, np.ndarray]:
    """Certify faces from beliefs (N, A, C): right by vote, certified by count, by place, (N,) each.

    And whether it is called neutral.
    """
    reached = Ablation(keep=width).reached(64, 64, side)
    found = [certify_patch(torch.from_numpy(one > threshold), reached) for one in p]
    said = np.array([c.label for c in found])
    right = said == y.numpy()
    return {
        "right": right,
        "neutral": said == LABELS.index("neutral"),
        "by_count": right & np.array([c.by_count for c in found]),
        "by_place": right & np.array([c.by_place for c in found]),
    }


def settings(side: int) -> list[dict[str, Any]]:
    """Try widths and thresholds on *fit* people that were left out; best first."""
    rows = []
    for width in WIDTHS:
        x, y = _choose()
        p = beliefs("choose", x, width)
        for threshold in THRESHOLDS:
            found = certified(p, y, width, threshold, side)
            rows.append({"width": width, "threshold": threshold, "n": len(y),
                         **{key: float(value.mean()) for key, value in found.items()}})  # fmt: skip
    return sorted(rows, key=lambda row: (-row["by_place"], -row["right"], row["width"]))


def _choose() -> tuple[Tensor, Tensor]:
    """Return faces to choose on: every so many clips of the people who were left out."""

    def work() -> dict[str, np.ndarray]:
        x, y = lab.inputs(lab.fit_people().choose)
        rows = np.random.default_rng(0).permutation(len(x))[:CHOOSE]
        return {"x": x[rows].numpy(), "y": y[rows].numpy(), "w": np.array(lab.face_width(_faces()))}

    kept = lab.kept(f"choose-{CHOOSE}", work)
    return torch.from_numpy(kept["x"]), torch.from_numpy(kept["y"])


def _faces() -> Any:
    return lab.fit_people().choose


def width_of_faces() -> float:
    """Return the mean width of a face in its crop, in pixels, on *fit* people."""
    _choose()
    return float(lab.kept(f"choose-{CHOOSE}", dict)["w"])


def spots(side: int) -> list[Tensor]:
    """Return where the optimized patch is put: masks (1, 1, 64, 64) on brow, cheek, nose and mouth."""
    out = []
    for row, column in ((14, 32), (34, 20), (30, 32), (44, 32))[:PLACES]:
        mask = torch.zeros(1, 1, 64, 64)
        top, left = row - side // 2, column - side // 2
        mask[..., top : top + side, left : left + side] = 1
        out.append(mask)
    return out


def optimized(who: attack_lab.Victims, side: int) -> np.ndarray:
    """Attack the shipped branch with a patch at each spot in turn, (N,) hits: right under all of them."""
    model, x, y = under_attack(spatial.load()), who.x, who.y

    def work() -> dict[str, np.ndarray]:
        with torch.no_grad():
            right = model(x).argmax(1) == y
        for mask in spots(side):
            rows = torch.nonzero(right).flatten()
            if len(rows):
                attack = partial(_patched, mask=mask)
                found = launch(attack, model, x[rows], y[rows], epsilon=1.0)
                right[rows] = found.logits.argmax(1) == y[rows]
        return {"right": right.numpy()}

    return lab.kept(f"patched-{who.split}-{len(x)}-{side}-{PLACES}-{STEPS}", work)["right"]


def _patched(model: Attackable, x: Tensor, y: Tensor, *, mask: Tensor) -> Tensor:
    return pgd(model, x, y, epsilon=1.0, steps=STEPS, step=0.2, where=mask)


Certified = dict[float, dict[str, np.ndarray]]  # by share of the face's width, see `certified`


@dataclass(frozen=True)
class Outcome:
    """What a run found, on whom, and with which settings."""

    who: attack_lab.Victims  # whose faces are certified
    part: attack_lab.Victims  # those under the optimized patch
    face: float  # width of a face, in pixels
    sides: dict[float, int]  # of patches by share of that width, in pixels
    tried: list[dict[str, Any]]  # settings, best first
    found: Certified  # with the best setting
    read: Certified  # with the best reader
    broken: dict[float, np.ndarray]  # right under the optimized patch, by share
    plain: np.ndarray  # (N,) right by the shipped branch, no patch

    @property
    def best(self) -> dict[str, Any]:
        """The setting with most certified faces."""
        return self.tried[0]

    @property
    def reader(self) -> dict[str, Any]:
        """The setting with most right answers by vote."""
        return best_reader(self.tried)


def best_reader(tried: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the setting with most right answers by vote, of equal ones the better certified."""
    return max(tried, key=lambda row: (row["right"], row["by_place"]))


def run(*, split: str = attack_lab.SPLIT) -> list[results.Record]:
    """Train, choose, certify, attack, then write records and tables."""
    began = time.perf_counter()
    face = width_of_faces()
    sides = {share: patch_side(share, face) for share in SHARES}
    tried = settings(sides[0.10])
    who = attack_lab.victims(split)
    found, read = ({s: _asked(who, row, sides[s]) for s in SHARES} for row in (tried[0], best_reader(tried)))
    part = who.some(-(-ATTACKED // len(set(who.people))))
    broken = {share: optimized(part, sides[share]) for share in SHARES}
    with torch.no_grad():
        said = torch.cat([spatial.load()(rows) for rows in who.x.split(128)]).argmax(1)
    out = Outcome(who, part, face, sides, tried, found, read, broken, (said == who.y).numpy())
    return report(out, round(time.perf_counter() - began, 1))


def _asked(who: attack_lab.Victims, setting: dict[str, Any], side: int) -> dict[str, np.ndarray]:
    """Certify all faces with one setting."""
    width = setting["width"]
    return certified(beliefs(who.split, who.x, width), who.y, width, setting["threshold"], side)


def verdicts(scores: dict[str, float]) -> dict[str, bool]:
    """Say of each hypothesis whether it held, from accuracies by record."""
    return {
        "voting_costs": scores["shipped"] - scores["clean"] >= 0.03,
        "tenth_is_certified": scores["p10"] >= 1 / 3,
        "place_beats_count": scores["p10"] > scores["p10.by_count"],
        "patch_breaks_branch": scores["p10.undefended"] < scores["p10"],
    }


def _words(setting: dict[str, Any]) -> str:
    return f"columns of {setting['width']} pixels, 64 positions, threshold {setting['threshold']:g}"


def report(out: Outcome, seconds: float) -> list[results.Record]:
    """Write every record and both tables."""
    made: list[results.Record] = []
    who, part, found, read = out.who, out.part, out.found, out.read
    how, reads = _words(out.best), _words(out.reader)

    def put(id: str, value: Interval | float, whom: Any = who, **more: Any) -> None:
        made.append(attack_lab.record(f"certified.patch{id}", value, whom, seconds=seconds, **more))

    for kind, one, setting in (("", found, out.best), (".reader", read, out.reader)):
        first, way = one[SHARES[0]], _words(setting)
        put(f"{kind}.clean", who.score(first["right"]), unit="accuracy", note=f"no patch; {way}")
        put(f"{kind}.neutral", who.score(first["neutral"]), unit="share", note=f"called neutral; {way}")
        about: dict[str, Any] = {"n": setting["n"], "split": "fit", "note": "chosen on fit people"}
        put(f"{kind}.width", float(setting["width"]), None, unit="pixels", **about)
        put(f"{kind}.threshold", setting["threshold"], None, **about)
    put(".shipped", who.score(out.plain), unit="accuracy", note="the shipped branch, no patch, no proof")
    for share, t in TAGS.items():
        side = out.sides[share]
        note = f"square patch of {side} pixels, {share:.0%} of the face's width; {how}"
        put(f".{t}", who.score(found[share]["by_place"]), unit="accuracy", note=f"{note}; by place")
        put(f".{t}.by_count", who.score(found[share]["by_count"]), unit="accuracy", note=f"{note}; by count")
        note = f"square patch of {side} pixels; {reads}; by place"
        put(f".reader.{t}", who.score(read[share]["by_place"]), unit="accuracy", note=note)
        put(f".{t}.pixels", float(side), None, unit="pixels", split="fit", note="side of the patch")
        put(f".{t}.undefended", part.score(out.broken[share]), part, unit="accuracy",
            note=f"shipped branch, {side} pixels, right under PGD-{STEPS} at {PLACES} places")  # fmt: skip
    put("", who.score(found[0.10]["by_place"]), unit="accuracy", note=f"patch of 10 % of the face; {how}")
    put(".face_width", out.face, None, unit="pixels", split="fit", note="in the crop, landmark 234 to 454")
    scores = {record.id.removeprefix("certified.patch."): record.value for record in made}
    held = verdicts(scores)
    made.append(attack_lab.hypotheses("certified.patch.hypotheses_held", held, who.split, seconds=seconds))
    rules = {"by_place": (found, "by_place"), "by_count": (found, "by_count"), "reader": (read, "by_place")}
    lines = {name: {s: who.score(one[s][key]) for s in SHARES} for name, (one, key) in rules.items()}
    lines["undefended"] = {s: part.score(out.broken[s]) for s in SHARES}
    rows = [
        {"share": share, "pixels": out.sides[share], "rule": rule, **vars(score)}
        for rule, line in lines.items()
        for share, score in line.items()
    ]
    write_table(rows, results.folder() / TABLE)
    write_table(out.tried, results.folder() / SETTINGS)
    return made


def main() -> None:
    """Read the command line, run, print the records."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--split", default=attack_lab.SPLIT, help="block whose faces are certified")
    for record in run(split=parser.parse_args().split):
        print(f"{record.id}: {record.value:.4g} [{record.low}, {record.high}]")


if __name__ == "__main__":
    main()
