"""The cache: whole files or none, whatever happens in between."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from fer_nb import cache
from fer_nb.errors import CacheError

ARRAYS = {
    "points": np.random.default_rng(0).normal(size=(3, 478, 3)).astype(np.float32),
    "found": np.array([True, False, True]),
    "empty": np.zeros((0, 4), np.uint8),
    "name": np.array("fit/0007"),
    "fps": np.array(25.0),
}


def test_cache_dir_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FER_NB_CACHE", str(tmp_path / "c"))
    assert cache.cache_dir() == tmp_path / "c"
    assert not (tmp_path / "c").exists()
    monkeypatch.delenv("FER_NB_CACHE")
    assert "fer_nb" in str(cache.cache_dir())


def test_arrays_come_back_bit_for_bit(tmp_path: Path) -> None:
    cache.save_arrays(tmp_path / "a" / "b.npz", ARRAYS)
    back = cache.load_arrays(tmp_path / "a" / "b.npz")
    assert back is not None and back.keys() == ARRAYS.keys()
    for name, value in ARRAYS.items():
        assert back[name].dtype == value.dtype and back[name].shape == value.shape
        assert np.array_equal(back[name], value)


def test_missing_is_none_without_a_warning(tmp_path: Path) -> None:
    assert cache.load_arrays(tmp_path / "none.npz") is None


@pytest.mark.parametrize("keep", [0, 1, 10, 0.3, 0.9, -1])
def test_cut_short_is_removed_and_reported_in_one_line(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "b.npz"
    cache.save_arrays(path, ARRAYS)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if 0 < keep < 1 else int(keep)])
    with pytest.warns(UserWarning, match=r"b\.npz .*damaged") as caught:
        assert cache.load_arrays(path) is None
    assert len(caught) == 1 and "\n" not in str(caught[0].message)
    assert not path.exists()


@pytest.mark.parametrize("seed", range(8))
def test_a_flipped_byte_is_never_believed(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "b.npz"
    cache.save_arrays(path, ARRAYS)
    data = bytearray(path.read_bytes())
    data[int(np.random.default_rng(seed).integers(200, len(data) - 2000))] ^= 0x55
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="damaged"):
        assert cache.load_arrays(path) is None


def test_arrays_of_another_origin_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.arange(3))
    with pytest.warns(UserWarning, match="damaged"):
        assert cache.load_arrays(tmp_path / "x.npz") is None


def test_a_renamed_array_does_not_verify(tmp_path: Path) -> None:
    assert cache._digest({"a": np.arange(3)}) != cache._digest({"b": np.arange(3)})
    assert cache._digest({"a": np.zeros((2, 3))}) != cache._digest({"a": np.zeros((3, 2))})
    assert cache._digest({"a": np.zeros(2, np.int32)}) != cache._digest({"a": np.zeros(2, np.float32)})


def test_python_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="'bad'"):
        cache.save_arrays(tmp_path / "b.npz", {"bad": np.array([{}], dtype=object)})
    assert list(tmp_path.iterdir()) == []


def _disk_full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_disk_full_names_file_and_remedy_and_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.npz"
    cache.atomic_write(path, b"old")
    monkeypatch.setattr(np, "savez", _disk_full)
    with pytest.raises(CacheError, match=r"b\.npz.*No space left.*FER_NB_CACHE") as caught:
        cache.save_arrays(path, ARRAYS)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_disk_full_at_the_last_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", _disk_full)
    with pytest.raises(CacheError, match="No space left"):
        cache.atomic_write(tmp_path / "a", b"x")
    assert list(tmp_path.iterdir()) == []


def test_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "replace", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        cache.save_arrays(tmp_path / "b.npz", ARRAYS)
    assert list(tmp_path.iterdir()) == []


def test_other_errors_pass_through_and_clean_up(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), cache.replacing(tmp_path / "v.mp4") as temporary:
        assert temporary.suffix == ".mp4" and temporary.parent == tmp_path
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    with pytest.raises(CacheError, match=r"cannot be written.*FER_NB_CACHE"):
        cache.atomic_write(tmp_path / "cache" / "a.npz", b"x")
    with pytest.raises(CacheError):
        cache.atomic_write(tmp_path / "cache" / "deep" / "a.npz", b"x")


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(cache.tempfile, "mkstemp", refuse)
    with pytest.raises(CacheError, match="Permission denied"):
        cache.save_arrays(tmp_path / "b.npz", ARRAYS)


def test_two_writers_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "b.npz"
    work = [
        threading.Thread(target=cache.save_arrays, args=(path, {"x": np.full(2000, i)})) for i in range(8)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    back = cache.load_arrays(path)
    assert back is not None and len(set(back["x"].tolist())) == 1
    assert list(tmp_path.iterdir()) == [path]
