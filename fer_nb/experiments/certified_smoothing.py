"""How far is the answer proven under Gaussian noise? `python -m fer_nb.experiments.certified_smoothing`.

Randomized smoothing of the spatial branch (Cohen et al. 2019). The shipped branch is trained further on
stills with Gaussian noise, for three strengths of it in turn, each from the one before. The base model looks
at one side only (`_certified_lab.one_side`). A face counts as certified at a radius when the smoothed model
does not abstain, is right, and its radius is at least that.

The protocol asks for 10,000 noises on 200 faces. The default is 1,000 on 200, which fits a small machine and
caps the radius lower, as printed; `--noises 10000` is the protocol's, about an hour on two cores.

Hypotheses, written down before the run:

noise_costs          Without any radius, accuracy falls as the noise grows: 0.12, 0.25, 0.5.
small_is_certified   With noise of 0.25, at least half of the faces are certified at l2 0.25 (1/255 in l-inf).
pixels_are_out       At the l2 radius that contains 8/255 in l-inf, no noise certifies any face.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import results, spatial
from ..attacks import launch, under_attack
from ..certified import ABSTAIN, certify, l2_of_linf, lower_bound, noisy
from ..evaluation import Interval
from ..image_attacks import bounded
from ..labels import LABELS
from . import _attack_lab as attack_lab
from . import _certified_lab as lab
from ._tables import write_table

SIGMAS = (0.12, 0.25, 0.5)
RADII = (0.05, 0.1, 0.25, 0.5, 1.0)
ATTACKED = 0.25  # l2 bound of the attack on the shipped branch
LEVELS = (1, 2, 4, 8)  # l-inf, in 1/255
GRID = np.round(np.r_[0:0.3:0.02, 0.3:1.26:0.05], 2)
EPOCHS = 30
ALPHA, FIRST = 0.001, 100  # chance of a wrong certificate, and noises for the guess
NOISES, FACES = 1000, 200
PART, BATCH = 10, 32  # faces in one unit of work, noises in one pass
HYPOTHESES = ("noise_costs", "small_is_certified", "pixels_are_out")
CURVES = "certified.smoothing.csv"


def tag(number: float) -> str:
    """Write a number as part of a record's id.

    Examples
    --------
    >>> tag(0.25), tag(1.0)
    ('0_25', '1')
    """
    return f"{number:g}".replace(".", "_")


RECORDS = (
    "certified.smoothing", "certified.smoothing.undefended", "certified.smoothing.noises",
    *(f"certified.smoothing.s{tag(s)}.r{tag(r)}" for s in SIGMAS for r in (0.0, *RADII)),
    *(f"certified.smoothing.s{tag(s)}.{name}" for s in SIGMAS
      for name in ("abstained", "neutral", "largest")),
    *(f"certified.l2_of_linf.eps{k}" for k in LEVELS), "certified.smoothing.hypotheses_held",
)  # fmt: skip


def network(sigma: float) -> spatial.SpatialNet:
    """Return the branch trained further under this noise, which starts from the one of the noise before."""
    at = SIGMAS.index(sigma)
    start = spatial.load if at == 0 else partial(network, SIGMAS[at - 1])

    def score(net: nn.Module) -> float:
        x, y = lab.inputs(lab.fit_people().choose)
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            said = torch.cat([net(part) for part in (x + sigma * noise).split(128)]).argmax(1)
        return float((said == y).float().mean())

    return lab.tuned(
        f"noise-{sigma:g}-{EPOCHS}", start, partial(noisy, sigma=sigma), epochs=EPOCHS, score=score
    )


def faces(split: str, count: int) -> attack_lab.Victims:
    """Return so many clips of a block, as even over people as it goes."""
    whole = attack_lab.victims(split)
    each = -(-count // len(set(whole.people)))
    part = whole.some(each)
    order = np.random.default_rng(0).permutation(len(part.faces))
    rank = np.array([part.people[: i + 1].count(part.people[i]) for i in range(len(part.faces))])
    rows = sorted(
        sorted(order, key=lambda i: rank[i])[:count]
    )  # everyone's first clip before anyone's second
    return attack_lab.Victims(split, tuple(part.clips[i] for i in rows), tuple(part.faces[i] for i in rows))


def certificates(who: attack_lab.Victims, sigma: float, noises: int) -> dict[str, np.ndarray]:
    """Certify every face; return labels (N,), -1 where it abstains, and radii (N,)."""
    model, x = lab.one_side(network(sigma)), who.x
    parts = []
    for start in range(0, len(x), PART):

        def work(start: int = start) -> dict[str, np.ndarray]:
            found = certify(model, x[start : start + PART], sigma=sigma, n0=FIRST, n=noises, alpha=ALPHA,
                            first=start, size=BATCH)  # fmt: skip
            return {
                "label": np.array([c.label for c in found]),
                "radius": np.array([c.radius for c in found]),
            }

        name = f"smooth-{who.split}-{len(x)}-{sigma:g}-{noises}-{start}"
        parts.append(lab.kept(name, work))
        print(name, parts[-1]["radius"].round(2).tolist(), flush=True)
    return {key: np.concatenate([part[key] for part in parts]) for key in ("label", "radius")}


def undefended(who: attack_lab.Victims) -> np.ndarray:
    """Attack the shipped branch in l2, (N,) hits: what is there without a proof."""
    model = under_attack(spatial.load())

    def work() -> dict[str, np.ndarray]:
        attack = bounded("PGD", ATTACKED, norm="l2", steps=40)
        found = launch(attack, model, who.x, who.y, epsilon=ATTACKED, norm="l2")
        return {"right": (found.logits.argmax(1) == who.y).numpy()}

    return lab.kept(f"undefended-{who.split}-{len(who.x)}-{ATTACKED:g}", work)["right"]


def verdicts(curves: dict[float, dict[str, np.ndarray]], y: np.ndarray) -> dict[str, bool]:
    """Say of each hypothesis whether it held, from labels and radii for each noise."""

    def share(sigma: float, radius: float) -> float:
        found = curves[sigma]
        return float(((found["label"] == y) & (found["radius"] >= radius)).mean())

    plain = [share(sigma, 0.0) for sigma in SIGMAS]
    return {
        "noise_costs": plain[0] > plain[1] > plain[2],
        "small_is_certified": share(0.25, 0.25) >= 0.5,
        "pixels_are_out": all(share(sigma, l2_of_linf(8, 64 * 64)) == 0 for sigma in SIGMAS),
    }


def run(
    *,
    split: str = attack_lab.SPLIT,
    noises: int = NOISES,
    count: int = FACES,
    sigmas: Sequence[float] = SIGMAS,
) -> list[results.Record]:
    """Certify, then write records and curves; a part of `sigmas` is kept as work and writes nothing."""
    began = time.perf_counter()
    who = faces(split, count)
    curves = {sigma: certificates(who, sigma, noises) for sigma in sigmas}
    if set(sigmas) != set(SIGMAS):
        return []
    held = verdicts(curves, who.y.numpy())
    return report(who, curves, undefended(who), held, noises, round(time.perf_counter() - began, 1))


def report(
    who: attack_lab.Victims,
    curves: dict[float, dict[str, np.ndarray]],
    bare: np.ndarray,
    held: dict[str, bool],
    noises: int,
    seconds: float,
) -> list[results.Record]:
    """Write every record and the curves."""
    common: dict[str, Any] = {"seconds": seconds}
    made: list[results.Record] = []
    y, rows = who.y.numpy(), []

    def put(id: str, value: Interval | float, **more: Any) -> None:
        made.append(attack_lab.record(f"certified.{id}", value, who, **{**common, **more}))

    def share(sigma: float, radius: float) -> Interval:
        found = curves[sigma]
        return who.score((found["label"] == y) & (found["radius"] >= radius))

    how = f"{noises} noises a face, {FIRST} for the guess, alpha {ALPHA:g}"
    put("smoothing", share(0.25, 0.25), unit="accuracy", note=f"noise 0.25, certified at l2 0.25; {how}")
    put("smoothing.undefended", who.score(bare), unit="accuracy",
        note="the shipped branch under PGD, 40 steps, l2 0.25: no proof, an attack")  # fmt: skip
    put("smoothing.noises", float(noises), unit="noises", note="for each face, beside those of the guess")
    for sigma in SIGMAS:
        id = f"smoothing.s{tag(sigma)}"
        for radius in (0.0, *RADII):
            note = f"noise {sigma:g}, certified at l2 {radius:g}; {how}"
            put(f"{id}.r{tag(radius)}", share(sigma, radius), unit="accuracy", note=note)
        put(f"{id}.abstained", who.score(curves[sigma]["label"] == ABSTAIN), unit="share", note=how)
        said = curves[sigma]["label"] == LABELS.index("neutral")
        put(f"{id}.neutral", who.score(said), unit="share", note=f"called neutral, one in seven is; {how}")
        most = sigma * float(torch.distributions.Normal(0.0, 1.0).icdf(
            torch.tensor(lower_bound(noises, noises, ALPHA))))  # fmt: skip
        put(
            f"{id}.largest",
            most,
            unit="l2",
            note="where every noise is answered alike: no radius can be larger",
        )
        rows += [{"sigma": sigma, "radius": r, **vars(share(sigma, r))} for r in GRID]
    for k in LEVELS:
        put(f"l2_of_linf.eps{k}", l2_of_linf(k, 64 * 64), unit="l2",
            note=f"length of the largest change within {k}/255 on 64 x 64 grey pixels")  # fmt: skip
    made.append(attack_lab.hypotheses("certified.smoothing.hypotheses_held", held, who.split, **common))
    write_table(rows, results.folder() / CURVES)
    return made


def main() -> None:
    """Read the command line, run, print the records."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--split", default=attack_lab.SPLIT, help="block whose faces are certified")
    parser.add_argument("--noises", type=int, default=NOISES, help="for each face")
    parser.add_argument("--faces", type=int, default=FACES)
    parser.add_argument("--sigma", type=float, nargs="*", default=SIGMAS, help="only these, without records")
    given = parser.parse_args()
    made = run(split=given.split, noises=given.noises, count=given.faces, sigmas=tuple(given.sigma))
    for record in made:
        print(f"{record.id}: {record.value:.4g} [{record.low}, {record.high}]")


if __name__ == "__main__":
    main()
