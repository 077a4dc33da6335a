"""What can go wrong, as errors that say which file and what to do. Each message is one line."""

from __future__ import annotations


class FerError(Exception):
    """Base of the package's own errors; `exit_code` is what the command line returns."""

    exit_code = 2


class BadInput(FerError, ValueError):
    """A file, folder, label or argument that cannot be used as it is."""


class MissingData(BadInput):
    """Data that the package does not bring are not on this machine; the message says where they belong."""


class NoFace(FerError):
    """The input was read, and no frame of it shows a face."""

    exit_code = 3


class CacheError(FerError, OSError):
    """The cache folder cannot be written or is full."""


class DataVersionWarning(UserWarning):
    """Weights, cache or record were made with another data version than the one in force."""
