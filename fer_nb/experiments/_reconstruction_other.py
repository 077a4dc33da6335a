"""Units of work of other attacks: the shipped branch, inversion along the slope, people called by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .. import anonymize, checkpoints, spatial
from ..inversion import impersonate, invert, prior
from ..reconstruct import shrink, similarity
from . import _reconstruction_units as units
from ._reconstruction_lab import Identity, Stills, World, fine, kept, recognized
from ._reconstruction_settings import key

INVERTED, STEPS, PARTS = 50, 200, 150  # stills that are inverted, for how long, directions of the prior


def beside(world: World, codes: Sequence[Tensor], logits: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Put what the floor is told beside the codes of the attacker's stills and of the victims'."""
    both = zip(codes, logits, units.pair(world), strict=True)
    theirs, mine = (torch.cat([code, units.told(z, people)], 1) for code, z, people in both)
    return theirs, mine


def shipped(world: World, seed: int = 0, size: str = "medium") -> units.Arrays:
    """Attack the features of the shipped spatial branch, (C, 4, 4) maps of 64-pixel crops."""

    def make() -> units.Arrays:
        net = spatial.load()
        codes, logits = [], []
        for who in units.pair(world):
            with torch.no_grad():
                maps = torch.cat([net.maps(x) for x in who.pictures(64).split(256)])
                codes.append(maps.flatten(1))
                logits.append(net.head(maps))
        judge = units.judged(world, 64)
        found, pictures = units.attacked(
            world, beside(world, codes, logits), 64, seed, size=size, judge=judge
        )
        probe, _ = units.probe_code(world, (codes[0], codes[1]))
        return {**found, "probe": probe, "shown": units.shown(world, pictures)}

    return kept(f"{world.split}-shipped-{seed}-{size}", make)


def inverted(world: World, name: str, side: int, seed: int) -> units.Arrays:
    """Invert codes of some victims by following the encoder's slope, with the attacker's faces as prior."""

    def make() -> units.Arrays:
        net = units.train(world, name, side, seed)
        rows = np.flatnonzero(world.probes & world.victims.apex)
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:INVERTED])
        some = world.victims.of(rows)
        x = some.pictures(side)
        faces = prior(world.attacker.pictures(side), parts=PARTS)
        codes = units.released(net, x, seed=seed)[0]
        found = invert(lambda p: net.parts(p)[0], codes, faces, steps=STEPS)
        nearest = faces.picture(faces.place(x))  # what the prior could show at best
        ovals = some.masks(side)
        blank = faces.mean.expand_as(x)
        return {
            "rows": rows, "ssim": similarity(found, x, ovals), "mean_face": similarity(blank, x, ovals),
            "best": similarity(nearest, x, ovals), "shown": found[:units.SHOWN, 0].mul(255).byte().numpy(),
            "true": x[:units.SHOWN, 0].mul(255).byte().numpy(), "person": some.person,
        }  # fmt: skip

    return kept(f"{world.split}-inverted-{key(name)}-{side}-{seed}", make)


def named(world: World, name: str, side: int, seed: int, *, people: int = 50) -> units.Arrays:
    """Call up training people by name: invert an identity head on the code of a trained recognizer.

    The head is linear and learned from the same stills. Who the picture shows is judged against originals
    of another session, by a measure that never saw these people: the attacker's block teaches it.
    """

    def make() -> units.Arrays:
        net = units.train(world, name, side, seed)
        own = world.own.of(world.own.person < people)
        code = units.released(net, own.pictures(side), seed=seed)[0]
        head = nn.Linear(code.shape[1], people)
        optimizer = torch.optim.AdamW(head.parameters(), 3e-3, weight_decay=1e-2)
        names = torch.from_numpy(own.person).long()
        for _ in range(300):
            error = nn.functional.cross_entropy(head(code / code.std()), names)
            optimizer.zero_grad()
            error.backward()
            optimizer.step()
        faces, size = prior(world.attacker.pictures(side), parts=PARTS), code.std()
        wanted = torch.arange(people)
        found = impersonate(lambda p: head(net.parts(p)[0] / size), wanted, faces, steps=STEPS)
        judge = Identity(fine(world.attacker.pictures(side)), world.attacker.person)
        other = world.judge.of((world.judge.person < people) & (world.judge.session == 1))
        gallery = judge(fine(other.pictures(side)))
        hits, _ = recognized(gallery, other.person, judge(fine(found)), wanted.numpy(), wanted.numpy())
        fitted = (head(code / size).argmax(1) == names).float().mean().item()
        true = np.stack(
            [other.of(other.person == k).pictures(side).mean(0)[0] for k in range(min(people, units.SHOWN))]
        )
        return {
            "hits": hits, "fitted": np.array(fitted), "shown": found[:units.SHOWN, 0].mul(255).byte().numpy(),
            "true": (true * 255).astype(np.uint8),
        }  # fmt: skip

    return kept(f"{world.split}-named-{key(name)}-{side}-{seed}-{people}", make)


def pixelated(people: Stills) -> Tensor:
    """Return faces as 8 x 8 gray squares, (N, 64): the plainest of released pictures."""
    return shrink(people.pictures(64), 8).flatten(1)


def anonymized(people: Stills) -> Tensor:
    """Return what the shipped anonymizer releases of each still, by a donor of its own, (N, 1024)."""
    models = anonymize.load()
    codes = anonymize.read(people.crops, models)  # (N, 24)
    if models.gain is not None and models.offset is not None:
        codes[:, : anonymize.UNITS] = (models.gain * codes[:, : anonymize.UNITS] + models.offset).clip(0, 1)
    codes[:, anonymize.UNITS :] = 0  # of a single still no posture is passed on
    donors = anonymize.per_clip(len(people), models.donors, seed=0)
    out = np.zeros_like(people.crops)
    for donor in np.unique(donors):
        out[donors == donor] = anonymize.draw(codes[donors == donor], int(donor), models)
    return shrink(spatial.to_input(out), 32).flatten(1)


RELEASES = {"pixelated": pixelated, "anonymized": anonymized}


def picture(world: World, name: str, side: int, seed: int, size: str = "medium") -> units.Arrays:
    """Attack released pictures in place of features: pixels are numbers, too."""

    def make() -> units.Arrays:
        net = units.train(world, "plain", side, seed)
        logits = units.features(world, net, seed)[1]
        codes = [RELEASES[name](who) for who in units.pair(world)]
        h = beside(world, codes, logits)
        judge = units.judged(world, side)
        found, pictures = units.attacked(world, h, side, seed, size=size, judge=judge)
        probe, _ = units.probe_code(world, (codes[0], codes[1]))
        return {**found, "probe": probe, "shown": units.shown(world, pictures)}

    about = checkpoints.read_card("anonymizer").input if name == "anonymized" else {}
    made_by = str(about.get("weights_sha256", ""))[:12]
    return kept(f"{world.split}-released-{name}{made_by}-{side}-{seed}-{size}", make)
