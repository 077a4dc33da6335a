"""Who is it by movement, and by the code in a drawing? `python -m fer_nb.experiments.privacy_motion`.

`privacy_identity` asks of two clips whether they show one person, and asks the attackers by looks only. Here
the attacker *by motion* is asked, and *everything*, motion and looks. Their units are read from releases, by
a reader that the attacker trains on people she owns. The same is done to originals, the control, the
strongest setting of every dial, the two that release a class, and the anonymizer.

The anonymizer passes a code, and the code alone gives people away. Two attackers look for it in the picture.
One reads the release by the published encoder, which read the person; she reads two rivals, too. One has the
published weights, draws faces of every donor herself, and learns the way back from picture to code.

Hypotheses, written down before any victim was looked at. It was known by then that the second of the two
finds nearly all of a code that was drawn from people whom the attacker owns.

motion_links     Behind the anonymizer, motion or everything has a lower equal error rate than the seven.
eer_holds        With motion and everything counted, the lowest rate there stays at 0.42 or above.
reader_finds     The published encoder, on releases, names more clips than the strongest parrot of the seven.
undraws          Who learned the drawings names at least 0.8 times as many clips as from the code itself.
within_limit     Even the strongest of all stays at or below the limit of `privacy_identity`.
style_is_floor   No rate there is lower than that of true units less 0.03.
lines_too        Who is given the ends of released lines, the simple method that keeps most, names more clips
                 than the strongest parrot of the seven does on lines. (Added when `undraws` was known, and
                 before lines were asked so.)
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import mime, results
from .._parallel import bar
from ..cache import replacing
from ..errors import BadInput
from ..evaluation import Interval
from ..utility import over_people
from . import _privacy_inversion as inverted
from . import _privacy_lab as lab
from . import _privacy_lines as drawn
from . import _privacy_motion as motion
from . import _privacy_people as crowd
from ._hypotheses import hypotheses
from .privacy_identity import FLAG, LINKED, Arrays, command_line, limit, lowest_error, strongest, style_error

METHODS = {"before": "original", "control": "control", "blur": "blur 8", "pixels": "pixels 6",
           "k_same": "k-same 20", "landmarks": "landmarks 1", "label_only": "label only",
           "logits_only": "logits only", "pseudonym": LINKED, "anonymizer": motion.HIDDEN}  # fmt: skip
READ = ("landmarks", "label_only", "anonymizer")  # whose releases the published encoder reads
HYPOTHESES = ("motion_links", "eer_holds", "reader_finds", "undraws", "within_limit", "style_is_floor",
              "lines_too")  # fmt: skip
ATTACKS = ("moved", "read_code", "undrawn")
SETS = ("retrained", "read_code", "undrawn", "code", "lines", "strongest")  # of attackers, see `rates_of`
RECORDS = (
    *(f"privacy.verification_eer{'' if name == 'anonymizer' else f'.{name}'}.{rung}"
      for name in METHODS for rung in ("motion", "everything")),
    *(f"privacy.{attack}{'' if name == 'anonymizer' else f'.{name}'}"
      for attack, names in (("moved", METHODS), ("read_code", READ)) for name in names),
    "privacy.undrawn", "privacy.undrawn.donor", "privacy.undrawn.found",
    *(f"privacy.{attack}.linked" for attack in (*ATTACKS, "identity_code", "lines")),
    "privacy.lines",
    *(f"privacy.verification_eer.{what}" for what in SETS),
    *(f"privacy.identity_parrot.{attack}" for attack in ("read_code", "undrawn")),
    "privacy.motion.hypotheses_held",
    *(f"privacy.motion.hypotheses_held.{name}" for name in HYPOTHESES),
)  # fmt: skip
TABLE, RATE = "privacy.motion.csv", "equal error rate"


def verdicts(right: Mapping[str, float], rate: Mapping[str, float], bound: float) -> dict[str, bool]:
    """Say of each hypothesis whether it held.

    Parameters
    ----------
    right : shares of clips that `parrot` (of the seven), `moved`, `read_code` and `undrawn` name, and who is
        given `code` or `lines`; `parrot_on_lines`
    rate : equal error rates of `seven`, `motion`, `everything`, `retrained`, `strongest` and `style`
    bound : the limit

    Examples
    --------
    >>> right = {"parrot": 0.03, "moved": 0.03, "read_code": 0.1, "undrawn": 0.2, "code": 0.24, "lines": 0.1,
    ...          "parrot_on_lines": 0.04}
    >>> rate = {"seven": 0.48, "motion": 0.46, "everything": 0.47, "retrained": 0.46, "strongest": 0.35,
    ...         "style": 0.31}
    >>> all(verdicts(right, rate, 0.4).values())
    True
    """
    return {
        "motion_links": min(rate["motion"], rate["everything"]) < rate["seven"],
        "eer_holds": rate["retrained"] >= 0.42,
        "reader_finds": right["read_code"] > right["parrot"],
        "undraws": right["undrawn"] >= 0.8 * right["code"],
        "within_limit": max(right[name] for name in ("parrot", *ATTACKS)) <= bound,
        "style_is_floor": rate["strongest"] >= rate["style"] - 0.03,
        "lines_too": right["lines"] > right["parrot_on_lines"],
    }


def interval(found: Arrays, key: str) -> Interval:
    """Return an equal error rate with its interval."""
    return Interval(*(float(value) for value in found[key]))


def as_motion(found: Arrays) -> Arrays:
    """Return the answers of who moved, the courses under the name that the attacker by motion has.

    Examples
    --------
    >>> sorted(as_motion({"eer/courses": np.zeros(3), "eer/everything": np.zeros(3)}))
    ['eer/everything', 'eer/motion']
    """
    return {key.replace("/courses", "/motion"): value for key, value in found.items()}


def row(name: str, found: Mapping[str, Arrays], seven: Arrays) -> dict[str, Any]:
    """Return what the table says of one method: each attack beside the strongest of the seven."""
    out: dict[str, Any] = {"method": METHODS.get(name, name)}
    if seven:
        out |= {"seven": float(strongest(seven, "parrot")[1].mean()),
                "seven_linked": float(strongest(seven, "linked")[1].mean()),
                "seven_eer": lowest_error(seven)[1].value}  # fmt: skip
    for attack, arrays in found.items():
        out |= {
            f"{attack}_{way}_{rung}": float(value[0] if way == "eer" else value.mean())
            for key, value in arrays.items()
            if "/" in key
            for way, rung in [key.split("/")]
        }
    return out


def of_the_seven(name: str, split: str) -> Arrays:
    """Return what the seven attackers get out of a method."""
    return {**lab.measured(METHODS[name], split), **inverted.measured(METHODS[name], split)}


def measured(name: str, split: str) -> dict[str, Arrays]:
    """Return the answers of each attack on a method."""
    found = {"moved": as_motion(motion.moved(METHODS[name], split))}
    if name in READ:
        found["read_code"] = motion.reread(METHODS[name], split)
    if name == "anonymizer":
        found["undrawn"] = motion.undrawn(split)
    return found


def run(split: str = crowd.SPLIT, *, only: Sequence[str] = ()) -> list[results.Record]:
    """Measure methods, those named in `only` or all, and write table and records when all are measured.

    Raises
    ------
    BadInput
        If `only` names a method that is not measured here.
    """
    if unknown := sorted(set(only) - set(METHODS)):
        raise BadInput(f"motion: no method {', '.join(unknown)}: name some of {', '.join(METHODS)}")
    began, found = time.perf_counter(), {}
    with bar("methods", len(only or METHODS)) as step:
        for name in only or METHODS:
            found[name] = measured(name, split)
            step()
    return [] if only else report(found, split, round(time.perf_counter() - began, 1))


def rates_of(
    seven: Arrays, hidden: Mapping[str, Arrays], given: Mapping[str, Arrays]
) -> dict[str, tuple[str, Interval]]:
    """Return the lowest equal error rate, and whose it is, of several sets of attackers on the anonymizer.

    Parameters
    ----------
    seven : answers of the attackers of `privacy_identity`
    hidden : answers of each attack of this module
    given : answers of who is given the code itself, or the ends of lines

    Returns
    -------
    dict
        `seven`; `retrained`: they, motion and everything; `read_code`, `undrawn`; `strongest`: all of these;
        and each that is given.
    """
    named = {
        attack: {f"eer/{attack}_{key[4:]}": value for key, value in arrays.items() if key.startswith("eer/")}
        for attack, arrays in hidden.items()
    }
    retrained = {**seven, **named["moved"]}
    groups = {"seven": seven, "retrained": retrained, "read_code": named["read_code"],
              "undrawn": named["undrawn"], **given,
              "strongest": {**retrained, **named["read_code"], **named["undrawn"]}}  # fmt: skip
    return {name: lowest_error(arrays) for name, arrays in groups.items()}


def values_of(
    found: Mapping[str, Mapping[str, Arrays]], given: Mapping[str, Arrays], them: crowd.People, bound: float
) -> dict[str, tuple[Interval, dict[str, Any]]]:
    """Return every share and rate of a single attack, with its interval and the fields of its record."""
    person = them.person[them.session == crowd.MET]
    people = len(np.unique(person))

    def share(hits: np.ndarray, who: np.ndarray = person, scale: float = 1.0) -> Interval:
        return over_people(lambda at: float(hits[at].mean()) * scale, who)

    out: dict[str, tuple[Interval, dict[str, Any]]] = {}
    for name, attacks in found.items():
        end = "" if name == "anonymizer" else f".{name}"
        for rung in ("motion", "everything"):
            out[f"verification_eer{end}.{rung}"] = interval(attacks["moved"], f"eer/{rung}"), {"unit": RATE}
        for attack, arrays in attacks.items():
            best, hits = strongest(arrays, "parrot")
            out[f"{attack}{end}"] = share(hits), {"note": f"here {best}"}
    hidden = found["anonymizer"]
    out["lines"] = share(strongest(given["lines"], "parrot")[1]), {"note": "ends of lines, no picture"}
    for attack, arrays in (*hidden.items(), ("identity_code", given["code"]), ("lines", given["lines"])):
        hits = strongest(arrays, "linked")[1]
        out[f"{attack}.linked"] = share(hits, np.arange(people)), {"n": people, "unit": "share of people"}
    for attack in ("read_code", "undrawn"):
        fields = {"unit": "multiple of the limit", "direction": "down", "target": 1.0}
        hits = strongest(hidden[attack], "parrot")[1]
        out[f"identity_parrot.{attack}"] = (
            share(hits, scale=1 / bound),
            fields | {"note": f"limit {bound:.3f}"},
        )
    arrays = hidden["undrawn"]
    out["undrawn.donor"] = share(arrays["donor"], them.person), {"n": len(arrays["donor"])}
    again = arrays["found"]
    note = (
        "numbers of the code, the ends are the least and the most; "
        f"fit on own drawings {arrays['learned'][1]:.3f}, penalty {arrays['learned'][0]:g}"
    )
    ends = Interval(float(again.mean()), float(again.min()), float(again.max()))
    out["undrawn.found"] = ends, {"n": len(again), "unit": "correlation", "note": note}
    return out


def report(found: Mapping[str, Mapping[str, Arrays]], split: str, seconds: float) -> list[results.Record]:
    """Write the table and the records."""
    import pandas as pd

    them, given = crowd.victims(split), {"code": motion.coded(split), "lines": drawn.given(split)}
    seven, people = {name: of_the_seven(name, split) for name in METHODS}, len(np.unique(them.person))
    rows = [row(name, arrays, seven[name]) for name, arrays in found.items()]
    with replacing(results.folder() / TABLE) as temporary:
        rows += [row(name, {"given": arrays}, {}) for name, arrays in given.items()]
        pd.DataFrame(rows).round(4).to_csv(temporary, index=False)
    bound, hidden = limit(float(lab.style(split).mean()), people), found["anonymizer"]
    values, rates = values_of(found, given, them, bound), rates_of(seven["anonymizer"], hidden, given)
    for what in SETS:
        goal = {"direction": "up", "target": 0.42} if what in ("retrained", "strongest") else {}
        note = f"here {rates[what][0]}"
        values[f"verification_eer.{what}"] = rates[what][1], {"unit": RATE, "note": note, **goal}
    probes = int((them.session == crowd.MET).sum())
    about = {"dataset": "mime", "data_version": mime.VERSION, "split": split, "seeds": (0,), "n": probes,
             "unit": "share of clips", "seconds": seconds,
             "note": f"{people} people, {crowd.OWNED} owned"}  # fmt: skip
    made = [
        results.record(
            f"privacy.{name}", value.value, **{**about, "low": value.low, "high": value.high, **fields}
        )
        for name, (value, fields) in values.items()
    ]
    right = {attack: float(strongest(arrays, "parrot")[1].mean()) for attack, arrays in hidden.items()}
    alone = {"parrot": seven["anonymizer"], "parrot_on_lines": seven["landmarks"], **given}
    for name, arrays in alone.items():
        right[name] = float(strongest(arrays, "parrot")[1].mean())
    rate = {name: value.value for name, (_, value) in rates.items()} | {"style": style_error(split).value}
    rate |= {rung: float(hidden["moved"][f"eer/{rung}"][0]) for rung in ("motion", "everything")}
    made += hypotheses("privacy.motion", verdicts(right, rate, bound), about, each=FLAG)
    for record in made:
        results.write(record)
    return made


if __name__ == "__main__":
    command_line(run, __doc__)
