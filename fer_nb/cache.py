"""Files that are either whole or absent: atomic writes, and arrays that carry their own checksum.

Everything the package keeps on disk goes through here. A write lands in a temporary file beside its target
and is renamed when it is complete, so that a full disk, a kill or Ctrl-C never leaves half a file behind.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import platformdirs

from .errors import CacheError

_DIGEST = "__sha256__"


def cache_dir() -> Path:
    """Return the folder of everything that can be made again: `$FER_NB_CACHE`, or the user's cache folder.

    The folder is not created here; writing into it does that.

    Returns
    -------
    Path
        An absolute path.

    Examples
    --------
    >>> cache_dir().is_absolute()
    True
    """
    chosen = os.environ.get("FER_NB_CACHE")
    return Path(chosen or platformdirs.user_cache_dir("fer_nb")).expanduser().absolute()


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well, else remove it.

    The temporary file keeps the suffix of the target, for writers that choose a format by it.

    Parameters
    ----------
    path : str or Path
        Target. Missing parent folders are made.

    Yields
    ------
    Path
        An empty file to write into.

    Raises
    ------
    CacheError
        If the folder cannot be written or the disk is full. The target is then as it was before.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replacing(folder / "a.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> [p.name for p in folder.iterdir()]
    ['a.txt']
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
            temporary = Path(name)
            os.close(handle)
            yield temporary
            _to_disk(temporary)
            temporary.chmod(0o644)
            temporary.replace(path)
        except CacheError:
            raise
        except OSError as error:
            raise _refused(path, error) from error
    except BaseException:  # Ctrl-C included: nothing half-written stays
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        raise


def atomic_write(path: str | Path, data: bytes) -> None:
    """Write bytes to a file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Target; replaced when it exists.
    data : bytes
        Its new content.

    Raises
    ------
    CacheError
        If the folder cannot be written or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "new" / "a.bin"
    >>> atomic_write(target, b"abc")
    >>> target.read_bytes()
    b'abc'
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def save_arrays(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Save named arrays as one `.npz` file with a checksum inside, atomically.

    Parameters
    ----------
    path : str or Path
        Target file.
    arrays : mapping of str to ndarray
        Any shapes and plain types; arrays of Python objects are refused, because loading them runs code.

    Raises
    ------
    CacheError
        If the folder cannot be written or the disk is full.
    TypeError
        If an array holds Python objects or a name is reserved.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.npz"
    >>> save_arrays(target, {"x": np.arange(3)})
    >>> load_arrays(target)["x"]
    array([0, 1, 2])
    """
    plain = {name: np.asarray(value) for name, value in arrays.items()}
    for name, value in plain.items():
        if value.dtype.hasobject or name == _DIGEST:
            raise TypeError(f"array {name!r} cannot be saved: it holds Python objects or has a reserved name")
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **plain, **{_DIGEST: np.array(_digest(plain))})  # type: ignore[arg-type]


def load_arrays(path: str | Path) -> dict[str, np.ndarray] | None:
    """Load what `save_arrays` wrote, and check it.

    Parameters
    ----------
    path : str or Path
        File to read.

    Returns
    -------
    dict of str to ndarray, or None
        None when there is no such file. None also when it is damaged: then one warning is given and the
        file is removed, so that the caller makes it again.

    Examples
    --------
    >>> load_arrays("no/such/file.npz") is None
    True
    """
    path = Path(path)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        expected = str(arrays.pop(_DIGEST))
        whole = expected == _digest(arrays)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, AttributeError, TypeError):
        whole = False
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, SyntaxError):
        whole = False
    if whole:
        return arrays
    warnings.warn(f"{path.name} in the cache is damaged: it is removed and made again", stacklevel=2)
    with suppress(OSError):
        path.unlink()
    return None


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 over the sorted names, types, shapes and bytes of arrays."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        value = np.ascontiguousarray(arrays[name])
        total.update(f"{name}|{value.dtype.str}|{arrays[name].shape}|".encode())
        total.update(value.reshape(-1).view(np.uint8).data if value.size else b"")
    return total.hexdigest()


def _to_disk(path: Path) -> None:
    """Ask the operating system to put a file's bytes on the disk."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _refused(path: Path, error: OSError) -> CacheError:
    """Turn an operating-system error into one line that names the file and the remedy."""
    reason = error.strerror or str(error) or type(error).__name__
    return CacheError(
        f"{path}: cannot be written ({reason}): choose another name or folder, or free some space "
        "(for the cache, set FER_NB_CACHE)"
    )
