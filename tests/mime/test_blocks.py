"""Clips on demand: the same from the cache as afresh, whole files only, one line for what cannot be."""

from __future__ import annotations

import dataclasses
import shutil
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_nb import cache, mime
from fer_nb.clips import Clip
from fer_nb.errors import BadInput, CacheError
from fer_nb.labels import LABELS
from fer_nb.mime import blocks
from fer_nb.mime.courses import FRAMES, RATES, STRENGTH


def same(one: Clip, two: Clip) -> None:
    """Assert that two clips are equal bit for bit."""
    np.testing.assert_array_equal(np.asarray(one.frames), np.asarray(two.frames))
    for name in ("landmarks", "units"):
        a, b = getattr(one, name), getattr(two, name)
        assert a.dtype == b.dtype == np.float32
        np.testing.assert_array_equal(a, b)
    for name in ("fps", "label", "subject", "source", "licence", "conditions"):
        assert getattr(one, name) == getattr(two, name), name


def read(**options: Any) -> list[Clip]:
    return mime.block("fit", workers=1, progress=False, **options)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with one real person of the fit block, a file to each person."""
    folder = tmp_path_factory.mktemp("mime")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_NB_CACHE", str(folder))
        patch.setattr(blocks, "GROUP", 1)
        read(people=1)
    return folder


@pytest.fixture
def one(stored: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that cache for this test; nothing needs to be made for one person."""
    shutil.copytree(stored, cache_folder)
    monkeypatch.setattr(blocks, "GROUP", 1)
    return cache_folder


@pytest.fixture
def two_frames(monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> list[str]:
    """Groups of one person, clips of two frames; returns the names of what was made."""
    made: list[str] = []
    make = blocks.make_course

    def short(rng: Any, label: str, *rest: Any) -> blocks.Course:
        made.append(label)
        course = make(rng, label, *rest)
        first = {name: getattr(course, name)[:2] for name in ("left", "right", "pose", "gaze")}
        return dataclasses.replace(course, **first)

    monkeypatch.setattr(blocks, "make_course", short)
    monkeypatch.setattr(blocks, "GROUP", 1)
    return made


# ---- clips ----


def test_a_clip_carries_its_truth() -> None:
    clip = mime.clip("validate", 4, 2, "surprise")
    count = len(clip)
    assert FRAMES[0] <= count <= FRAMES[1] and clip.fps in RATES
    assert np.asarray(clip.frames).shape == (count, mime.IMAGE_SIZE, mime.IMAGE_SIZE, 3)
    assert clip.landmarks is not None and clip.landmarks.shape == (count, 478, 3)
    assert clip.units is not None and clip.units.shape == (count, len(mime.UNITS))
    assert clip.units.min() >= 0 and clip.units.max() <= 1.2
    assert (clip.label, clip.subject) == ("surprise", "mime-v2/validate/0004")
    assert clip.source == "mime-v2/validate/0004/s2/surprise" and clip.licence == "CC BY 4.0"
    assert clip.conditions is not None
    assert (clip.conditions["person"], clip.conditions["session"]) == (4, 2)
    assert STRENGTH[0] <= clip.conditions["strength"] <= STRENGTH[1]


def test_sessions_labels_and_seeds_are_other_clips() -> None:
    first = mime.clip("fit", 1, 0, "fear")
    others = [
        mime.clip("fit", 1, 1, "fear"),
        mime.clip("fit", 1, 0, "anger"),
        mime.clip("fit", 1, 0, "fear", seed=1),
        mime.clip("fit", 1, 0, "fear", shifted=True),
    ]
    for other in others:
        assert other.subject == first.subject
        assert not np.array_equal(other.frames[0], first.frames[0])


@pytest.mark.parametrize(("arguments", "words"), [
    (("fti", 0, 0, "fear"), "unknown block 'fti'"),
    (("fit", 0, 0, "joy"), "'joy'"),
    (("fit", 400, 0, "fear"), "people 0 to 399 and sessions 0 to 2, not person 400, session 0"),
    (("fit", -1, 0, "fear"), "not person -1"),
    (("fit", 0, 3, "fear"), "session 3"),
    (("sealed", 0, 1, "fear"), "sessions 0 to 0"),
])  # fmt: skip
def test_a_clip_that_cannot_be(arguments: tuple[str, int, int, str], words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        mime.clip(*arguments)
    assert "\n" not in str(caught.value)


# ---- blocks ----


def test_one_person_is_seven_clips_in_the_order_of_labels(one: Path) -> None:
    clips = read(people=1)
    assert [clip.label for clip in clips] == list(LABELS)
    assert {clip.subject for clip in clips} == {"mime-v2/fit/0000"}


@pytest.mark.parametrize("label", ["neutral", "happiness"])
def test_a_cached_clip_is_the_clip_bit_for_bit(one: Path, label: str) -> None:
    same(read(people=1)[LABELS.index(label)], mime.clip("fit", 0, 0, label))


def test_a_second_call_makes_nothing(one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(job: object) -> int:
        raise AssertionError("made again")

    monkeypatch.setattr(blocks, "_make_group", never)
    assert len(read(people=1)) == 7
    with pytest.raises(AssertionError):
        read(people=2)


def test_groups_and_people(
    two_frames: list[str], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "GROUP", 2)
    clips = read(people=3, sessions=(0, 2))
    assert [(c.conditions or {})["session"] for c in clips] == [0] * 21 + [2] * 21
    assert [clip.subject for clip in clips[:21:7]] == [f"mime-v2/fit/{k:04d}" for k in range(3)]
    assert files(cache_folder) == ["people-0000.npz", "people-0000.npz", "people-0002.npz", "people-0002.npz"]
    assert len(two_frames) == 2 * 4 * 7, "whole groups are made"
    assert len(read(people=4, sessions=(0, 2))) == 56 and len(two_frames) == 2 * 4 * 7


def test_the_last_group_ends_with_the_block(
    two_frames: list[str], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(blocks.spec.__globals__["BLOCKS"], "toy", mime.BlockSpec(3, 1, 90_000))
    monkeypatch.setattr(blocks, "GROUP", 2)
    clips = mime.block("toy", workers=1, progress=False)
    assert len({clip.subject for clip in clips}) == 3 and len(two_frames) == 21


def test_twin_and_seed_are_stored_apart(two_frames: list[str], cache_folder: Path) -> None:
    plain, twin, seeded = read(people=1), read(people=1, shifted=True), read(people=1, seed=1)
    homes = {path.parent for path in cache_folder.rglob("*.npz")}
    assert {"/".join(home.parts[-2:]) for home in homes} == {
        "fit/seed0-session0", "fit-shift/seed0-session0", "fit/seed1-session0",
    }  # fmt: skip
    assert twin[0].source == plain[0].source + "/shift" and (twin[0].conditions or {})["shifted"] is True
    assert not np.array_equal(twin[0].frames[0], plain[0].frames[0])
    assert not np.array_equal(seeded[0].frames[0], plain[0].frames[0])
    same(plain[3], read(people=1)[3])


def test_a_file_of_other_code_is_not_read(
    two_frames: list[str], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(people=1)
    monkeypatch.setattr(blocks, "fingerprint", lambda: "0" * 8)
    read(people=1)
    assert len(two_frames) == 14
    assert {path.name for path in cache_folder.iterdir()} == {
        f"mime-v2-{mime.fingerprint()}",
        "mime-v2-00000000",
    }


def test_a_truncated_file_is_made_again_with_one_warning(one: Path) -> None:
    before = read(people=1)
    (path,) = one.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.warns(UserWarning, match=r"people-0000\.npz .* made again") as caught:
        after = read(people=1)
    assert len(caught) == 1 and "\n" not in str(caught[0].message)
    for a, b in zip(before, after, strict=True):
        same(a, b)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(people=1)


def test_a_flipped_byte_is_noticed(two_frames: list[str], cache_folder: Path) -> None:
    read(people=1)
    (path,) = cache_folder.rglob("*.npz")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3] ^= 0xFF
    path.write_bytes(raw)
    with pytest.warns(UserWarning, match="damaged"):
        read(people=1)
    assert len(two_frames) == 14


def test_an_interrupted_run_leaves_whole_files_and_goes_on(
    two_frames: list[str], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack, calls = blocks.pack, []

    def impatient(clips: list[Clip]) -> dict[str, np.ndarray]:
        calls.append(len(clips))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return pack(clips)

    with monkeypatch.context() as patch:
        patch.setattr(blocks, "pack", impatient)
        with pytest.raises(KeyboardInterrupt):
            read(people=3)
    assert files(cache_folder) == ["people-0000.npz"]
    assert all(cache.load_arrays(path) for path in cache_folder.rglob("*.npz"))
    assert len(read(people=3)) == 21
    assert len(two_frames) == 2 * 7 + 2 * 7, "the first person was not made again"
    assert files(cache_folder) == [f"people-{k:04d}.npz" for k in range(3)]


def test_missing_files_are_spread_over_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: list[Any] = []
    monkeypatch.setattr(blocks, "spread", lambda work, items, **options: jobs.append((items, options)))
    monkeypatch.setattr(blocks, "_read", lambda job, make, rebuild: [])
    missing = [(tmp_path / f"{k}.npz", "fit", k, k + 1, 0, 0, False) for k in range(3)]
    ask = partial(blocks.kept, make=blocks._make_group, rebuild=blocks._clip, people=3)
    ask(missing, workers=8, title="some clips")
    ask(missing[:1])
    assert jobs[0] == (missing, {"workers": 3, "progress": "some clips"})
    assert jobs[1] == (missing[:1], {"workers": 1, "progress": None})


@pytest.mark.parametrize(("name", "options", "words"), [
    ("fti", {}, "unknown block 'fti': use one of fit, validate, test"),
    ("fit", {"people": 401}, "'fit' has 400 people, not 401: ask for 1 to 400"),
    ("sealed", {"people": 0}, "not 0: ask for 1 to 100"),
    ("fit", {"people": 1, "sessions": (0, 3)}, "'fit' has sessions 0 to 2, not 3"),
    ("non-members", {"people": 1, "sessions": (-1,)}, "not -1"),
])  # fmt: skip
def test_a_block_that_cannot_be(cache_folder: Path, name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        mime.block(name, **options)
    assert "\n" not in str(caught.value) and not cache_folder.exists()


def test_a_cache_that_cannot_be_written(
    two_frames: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("FER_NB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(CacheError, match="FER_NB_CACHE") as caught:
        read(people=1)
    assert "\n" not in str(caught.value)


def test_a_disk_that_loses_what_is_written(
    two_frames: list[str], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "load_arrays", lambda path: None)
    with pytest.raises(CacheError, match="damaged as soon as it is written"):
        read(people=1)


# ---- reenactment ----


def test_a_reenactment_keeps_the_performance_and_changes_the_person(one: Path) -> None:
    actor = read(people=1)[LABELS.index("happiness")]
    twin = mime.reenact(actor, "fit", 5)
    assert (twin.label, twin.fps, len(twin)) == (actor.label, actor.fps, len(actor))
    assert twin.subject == "mime-v2/fit/0005" and actor.source in twin.source
    assert actor.units is not None and twin.units is not None
    np.testing.assert_array_equal(twin.units, actor.units)
    assert twin.landmarks is not None and actor.landmarks is not None
    assert np.abs(twin.landmarks - actor.landmarks).max() > 2
    assert not np.array_equal(twin.frames[0], actor.frames[0])
    same_again = mime.reenact(actor, "fit", 5)
    np.testing.assert_array_equal(np.asarray(same_again.frames), np.asarray(twin.frames))


def test_only_mime_can_be_reenacted(one: Path) -> None:
    real = Clip(np.zeros((2, 8, 8, 3), np.uint8), 25, source="me.mp4")
    with pytest.raises(BadInput, match=r"me\.mp4: carries no true action units"):
        mime.reenact(real, "fit", 5)
    with pytest.raises(BadInput, match="not person 999"):
        mime.reenact(read(people=1)[0], "fit", 999)
