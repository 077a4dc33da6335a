"""The seventh attacker of the privacy experiments: she computes pictures back first, then looks at them.

The six others failed the positive control on the people of development. This one was added after that, and
before any look at test people. She is measured apart, so that what was kept of the six stays valid, and with
the same means for every method: pairs of the people she owns, one ridge regression, and then the eyes of
`fer_nb.identity` on what comes out. She attacks as a parrot only: who is *naive* knows no release to learn
the way back from.
"""

from __future__ import annotations

import numpy as np

from .. import identity
from ..cache import cache_dir
from ..linear_inversion import learn_way_back
from . import _privacy_lab as lab
from . import _privacy_people as crowd
from . import _units

RUNGS = tuple(f"inversion_{rung}" for rung in identity.LADDER)
_RECIPE = ("linear_inversion", "experiments/_privacy_inversion")


def recipe(method: lab.Method) -> str:
    """Hash of all that decides a measurement: that of the other attackers, and the code of this one."""
    return _units.recipe(lab.recipe(method), modules=_RECIPE)


def measured(name: str, split: str = crowd.SPLIT) -> dict[str, np.ndarray]:
    """Return what this attacker gets out of a method: kept, or made and kept.

    Returns
    -------
    dict
        For each of `RUNGS` `parrot/<rung>` (probes,) hits, `linked/<rung>` (people,) and `eer/<rung>` (value,
        low, high); and `inversion` (3,): the mean error of victims' pictures in gray levels as released and
        as computed back, and the ridge penalty.
    """
    method = lab.methods()[name]
    file = f"{name.replace(' ', '-')}-{recipe(method)}.npz"
    path = cache_dir() / "experiments" / "privacy_inversion" / split / file
    return _units.kept(path, lambda: measure(method, split))


def measure(method: lab.Method, split: str) -> dict[str, np.ndarray]:
    """Learn the way back of one method, and look for the victims in what it gives."""
    them = crowd.victims(split)
    seen, arrays = look(method, split)
    out = {"inversion": arrays}
    people, probes = np.unique(them.person), them.person[them.session == crowd.MET]
    for rung, table in lab.recognized(seen, seen).items():
        out[f"parrot/inversion_{rung}"] = identity.hits(table, people, probes)
        sums, who = identity.linked(table, probes)
        out[f"linked/inversion_{rung}"] = identity.hits(sums, people, who)
    alike = identity.learn(seen.owned, crowd.owned().person).similarity(seen.victims)
    for rung, table in alike.items():
        found = identity.verification(table, them.person, them.session)
        out[f"eer/inversion_{rung}"] = np.array([found.value, found.low, found.high])
    return out


def look(method: lab.Method, split: str) -> tuple[lab.Seen, np.ndarray]:
    """Release all faces by a method, compute them back, and see them; and how far off they are, (3,)."""
    mine, them = crowd.owned(), crowd.victims(split)
    before, after = (lab.picked([f.crops for f in group.faces], group) for group in (mine, them))
    shown = lab.picked(lab.released(method, them), them)  # (N, F, 64, 64)
    flat = lab.picked(lab.released(method, mine), mine).reshape(-1, *before.shape[-2:])
    way, own = learn_way_back(flat, before.reshape(flat.shape), np.repeat(mine.person, before.shape[1]))
    own, back = own.reshape(before.shape), way.pictures(shown)
    points = mine.points()[:, ::2].reshape(-1, 478, 2)
    sight = identity.learn_sight(own[:, ::2].reshape(-1, *own.shape[-2:]), points)
    off = [float(np.abs(x.astype(np.int16) - after).mean()) for x in (shown, back)]
    seen = lab.Seen(sight, sight.features(own), sight.features(back), (), them)
    return seen, np.array([*off, way.penalty])
