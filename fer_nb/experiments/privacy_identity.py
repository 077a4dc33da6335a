"""Who is recognized behind a hidden face? `python -m fer_nb.experiments.privacy_identity`.

Every method of `_privacy_lab` releases the clips of the victims, and the attackers of `fer_nb.identity` look
at them, the same for all methods: four by looks, one by motion, one by both, and a seventh that computes
pictures back first (`_privacy_inversion`). The strongest counts. Chance is one in the number of victims. The
floor is the style-only attacker, which is given the true units: whoever keeps expression keeps that. An
attacker counts only if it reaches 0.95 on originals and breaks the positive control.

Hypotheses, written down before the run:

control_breaks       The retrained attacker sees through the positive control, the naive one does not.
naive_flatters       For most swept baselines, the naive attacker is right less often than the parrot.
weak_baselines_leak  Every swept baseline on pixels at its weakest setting is above the limit.
within_limit         Per clip, the anonymizer's parrot stays at or below the limit.
pseudonym_links      Per person, the parrot is right more often than per clip.
style_remains        Per clip, the attacker by motion is right more often than three times chance.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import identity, mime, results
from .._parallel import bar
from ..cache import replacing
from ..errors import BadInput
from ..evaluation import Interval
from ..utility import over_people
from . import _privacy_inversion as inverted
from . import _privacy_lab as lab
from . import _privacy_people as crowd
from ._hypotheses import HELD_OR_NOT, hypotheses

HYPOTHESES = ("control_breaks", "naive_flatters", "weak_baselines_leak", "within_limit", "pseudonym_links",
              "style_remains")  # fmt: skip
HIDDEN, LINKED = "anonymizer, per clip", "anonymizer, per person"
BASELINES = ("blur", "pixels", "k-same", "landmarks")
RECORDS = (
    "privacy.identity_before", "privacy.identity_control", "privacy.identity_control.naive",
    "privacy.identity_control.six",
    "privacy.style_identity", "privacy.identity_limit", "privacy.identity_parrot",
    "privacy.identity_parrot.share", "privacy.identity_parrot.pseudonym", "privacy.identity_naive",
    "privacy.identity_reverse", "privacy.identity_linked", "privacy.identity_linked.before",
    "privacy.identity_code", "privacy.donor_exposure", "privacy.donor_exposure.pseudonym",
    "privacy.verification_eer", "privacy.verification_eer.before", "privacy.verification_eer.style",
    "privacy.identity.hypotheses_held",
    *(f"privacy.identity.hypotheses_held.{name}" for name in HYPOTHESES),
)  # fmt: skip
TABLE = "privacy.identity.csv"
RUNGS = (*lab.RUNGS, *inverted.RUNGS)
FLAG = {"n": 1, "unit": HELD_OR_NOT, "note": ""}  # fields of one hypothesis, of all privacy experiments

Arrays = Mapping[str, np.ndarray]


def strongest(found: Arrays, way: str) -> tuple[str, np.ndarray]:
    """Return the rung that is right most often in one way of attacking, and its hits.

    Examples
    --------
    >>> strongest({"parrot/a": np.zeros(2), "parrot/b": np.ones(2)}, "parrot")[0]
    'b'
    """
    rungs = {key.split("/")[1]: value for key, value in found.items() if key.startswith(f"{way}/")}
    best = max(rungs, key=lambda rung: rungs[rung].mean())
    return best, rungs[best]


def of_the_six(found: Arrays) -> Arrays:
    """Return what was found without the seventh attacker, who computes pictures back.

    Examples
    --------
    >>> sorted(of_the_six({"parrot/mesh": np.ones(2), "parrot/inversion_mesh": np.ones(2)}))
    ['parrot/mesh']
    """
    return {key: value for key, value in found.items() if key.rpartition("/")[2] not in inverted.RUNGS}


def lowest_error(found: Arrays) -> tuple[str, Interval]:
    """Return the rung with the lowest equal error rate, and that rate."""
    rungs = {key.split("/")[1]: value for key, value in found.items() if key.startswith("eer/")}
    best = min(rungs, key=lambda rung: rungs[rung][0])
    return best, Interval(*(float(v) for v in rungs[best]))


def limit(style: float, people: int) -> float:
    """Return how often a retrained attacker may be right: three times chance, or 1.2 times style alone.

    Examples
    --------
    >>> limit(0.5, 50), limit(0.01, 50)
    (0.6, 0.06)
    """
    return max(3 / people, 1.2 * style)


def row(method: lab.Method, found: Arrays, person: np.ndarray) -> dict[str, Any]:
    """Return what the table says of one method; `person` (probes,) is who is seen."""
    rung, right = strongest(found, "parrot")
    share = over_people(lambda rows: float(right[rows].mean()), person)
    eer_rung, eer = lowest_error(found)
    out: dict[str, Any] = {"method": method.name, "family": method.family, "strength": method.strength,
                           "parrot": share.value, "parrot_low": share.low, "parrot_high": share.high,
                           "parrot_rung": rung}  # fmt: skip
    for name in RUNGS:
        out[f"parrot_{name}"] = float(found[f"parrot/{name}"].mean())
    for way in ("naive", "reverse", "linked"):
        out[way] = float(strongest(found, way)[1].mean())
    out |= {"eer": eer.value, "eer_low": eer.low, "eer_high": eer.high, "eer_rung": eer_rung}
    if "donor" in found:
        out["donor"] = float(found["donor"].mean())
    return out


def verdicts(table: Any, bound: float, chance: float) -> dict[str, bool]:
    """Say of each hypothesis whether it held; those on the anonymizer only where it was measured."""
    of = table.set_index("method")
    swept = table[table["family"].isin(BASELINES)]
    weakest = swept[swept["family"] != "landmarks"].groupby("family", sort=False).first()
    held = {
        "control_breaks": of.loc["control", "parrot"] >= 0.9 and of.loc["control", "naive"] <= 3 * chance,
        "naive_flatters": (swept["naive"] < swept["parrot"]).mean() > 0.5,
        "weak_baselines_leak": (weakest["parrot"] > bound).all(),
    }
    if HIDDEN in of.index:
        held |= {
            "within_limit": of.loc[HIDDEN, "parrot"] <= bound,
            "pseudonym_links": of.loc[LINKED, "parrot"] > of.loc[HIDDEN, "parrot"],
            "style_remains": of.loc[HIDDEN, "parrot_motion"] > 3 * chance,
        }
    return {name: bool(value) for name, value in held.items()}


def code_probe(split: str) -> np.ndarray:
    """Return the hits (probes,) of an attacker that is given the anonymizer's code itself, not a picture."""
    from .. import anonymize

    models, them = anonymize.load(), crowd.victims(split)
    codes = [anonymize.encode(face, models) for face in them.faces]  # each (T, 24)
    units = [code[:, : len(mime.UNITS)] for code in codes]
    gallery, probe = np.isin(them.session, crowd.KNOWN), them.session == crowd.MET
    means = np.stack([np.r_[c.mean(0), c.min(0), c.max(0)] for c in codes])
    model = identity.Discriminants(means[gallery], them.person[gallery], parts=72)
    tables = [model.scores(means[probe]), lab.by_motion(units, them)]
    people, who = np.unique(them.person), them.person[probe]
    return max((identity.hits(t, people, who) for t in (*tables, tables[0] + tables[1])), key=np.mean)


def style_error(split: str) -> Interval:
    """Return the equal error rate of the style-only attacker on people it never met."""
    mine, them = crowd.owned(), crowd.victims(split)
    rows = [
        lab.motion_rows([f.units for f in group.faces if f.units is not None], group)
        for group in (mine, them)
    ]
    embedded = identity.Discriminants(rows[0], mine.person, parts=60).embed(rows[1])
    return identity.verification(embedded @ embedded.T, them.person, them.session)


def measure_all(split: str, only: Sequence[str] = ()) -> dict[str, Arrays]:
    """Measure the methods of some families, or of all; the anonymizer where its weights are there.

    Raises
    ------
    BadInput
        If `only` names no family.
    """
    wanted = [m for m in lab.methods().values() if not only or m.family in only]
    if not wanted:
        families = ", ".join(dict.fromkeys(m.family for m in lab.methods().values()))
        raise BadInput(f"privacy: no method of {', '.join(only)}: name some of {families}")
    if not lab.trained():
        wanted = [m for m in wanted if not m.family.startswith("anonymizer")]
    with bar("methods", len(wanted)) as step:
        found: dict[str, Arrays] = {}
        for method in wanted:
            found[method.name] = {**lab.measured(method.name, split), **inverted.measured(method.name, split)}
            step()
    return found


def run(split: str = crowd.SPLIT, *, only: Sequence[str] = ()) -> list[results.Record]:
    """Measure methods, the families `only` or all, and write records and table when all are measured."""
    began = time.perf_counter()
    found = measure_all(split, only)
    return [] if only else report(found, split, round(time.perf_counter() - began, 1))


def report(found: Mapping[str, Arrays], split: str, seconds: float) -> list[results.Record]:
    """Write the table and the records of all methods that were measured."""
    import pandas as pd

    them = crowd.victims(split)
    person = them.person[them.session == crowd.MET]
    people = len(np.unique(person))
    table = pd.DataFrame([row(lab.methods()[name], arrays, person) for name, arrays in found.items()])
    floor = lab.style(split)
    bound = limit(float(floor.mean()), people)
    with replacing(results.folder() / TABLE) as temporary:
        table.round(4).to_csv(temporary, index=False)
    about = {"dataset": "mime", "data_version": mime.VERSION, "split": split, "seeds": (0,), "n": len(person),
             "unit": "share of clips", "seconds": seconds}  # fmt: skip
    made: list[results.Record] = []

    def put(name: str, value: float | Interval, **fields: Any) -> None:
        ends = {"low": value.low, "high": value.high} if isinstance(value, Interval) else {}
        number = value.value if isinstance(value, Interval) else value
        made.append(results.record(f"privacy.{name}", number, **{**about, **ends, **fields}))

    def share(hits: np.ndarray, scale: float = 1.0) -> Interval:
        who = person if len(hits) == len(person) else np.arange(len(hits))
        return over_people(lambda rows: float(hits[rows].mean()) * scale, who)

    note = f"{people} people, sessions 1 and 2 to session 3, strongest of {len(RUNGS)} rungs, " \
           f"chance {1 / people:.3f}, {them.missed} clips without a face"  # fmt: skip
    before = strongest(found["original"], "parrot")
    put("identity_before", share(before[1]), direction="up", target=0.95, note=f"{note}; here {before[0]}")
    put(
        "identity_linked.before",
        share(strongest(found["original"], "linked")[1]),
        n=people,
        unit="share of people",
    )
    put("identity_control", share(strongest(found["control"], "parrot")[1]), direction="up", target=0.9)
    put("identity_control.naive", share(strongest(found["control"], "naive")[1]))
    six = strongest(of_the_six(found["control"]), "parrot")[1]
    put("identity_control.six", share(six), note="without the attacker who computes pictures back")
    put("style_identity", share(floor), note="true action units of each clip, no picture")
    put("identity_limit", bound, note="the larger of 3 x chance and 1.2 x style_identity")
    put("verification_eer.before", lowest_error(found["original"])[1], unit="equal error rate")
    least = style_error(split)
    put("verification_eer.style", least, unit="equal error rate", note="true action units, people never met")
    if HIDDEN in found:
        hidden, linked = found[HIDDEN], found[LINKED]
        rung, hits = strongest(hidden, "parrot")
        put("identity_parrot", share(hits, 1 / bound), direction="down", target=1.0,
            unit="multiple of the limit", note=f"{note}; here {rung}; limit {bound:.3f}")  # fmt: skip
        put("identity_parrot.share", share(hits), note=f"{note}; here {rung}")
        put("identity_parrot.pseudonym", share(strongest(linked, "parrot")[1]), note="linkable by design")
        for way in ("naive", "reverse"):
            put(f"identity_{way}", share(strongest(hidden, way)[1]), note="per clip")
        put("identity_linked", share(strongest(hidden, "linked")[1]), n=people, unit="share of people",
            note="seven clips of one session, known to be of one person; donor drawn per clip")  # fmt: skip
        put("identity_code", share(code_probe(split)), note="an attacker that is given the code itself")
        put("donor_exposure", share(hidden["donor"]), note="attacker has the donors' originals; per clip")
        put("donor_exposure.pseudonym", share(linked["donor"]), note="per person")
        put("verification_eer", lowest_error(hidden)[1], unit="equal error rate", direction="up", target=0.42,
            note="attacker retrained on releases of its own people, victims never met; "
            f"or within 0.03 of style only ({least.value:.3f})")  # fmt: skip
    held = verdicts(table, bound, 1 / people)
    made += hypotheses("privacy.identity", held, about, each=FLAG)
    for record in made:
        results.write(record)
    return made


def command_line(begin: Any, about: str | None) -> None:
    """Read the options of a privacy experiment, run it and print its records."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--split", default=crowd.SPLIT, help="block whose people are the victims")
    parser.add_argument("--only", nargs="*", default=(), help="measure these families and write no record")
    options = parser.parse_args()
    for made in begin(options.split, only=options.only):
        print(f"{made.id}: {made.value:.4g} [{made.low}, {made.high}]")


if __name__ == "__main__":
    command_line(run, __doc__)
