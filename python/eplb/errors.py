"""Exceptions: one class for each status code of the library, each also the matching built-in exception. The text is the
library's sentence: what was wrong, and what was expected."""

from __future__ import annotations


class EplbError(Exception):
    """Any failure of this package. `status` is the library's code, as eplb/status.h has it."""

    status = 0


class ArgumentError(EplbError, ValueError):
    """An argument or option that no call accepts."""

    status = -1


class ArgumentTypeError(EplbError, TypeError):
    """An argument of a wrong Python type, or a keyword that does not exist."""

    status = -1


class LoadsError(EplbError, ValueError):
    """A load that is NaN, infinite, negative or 2^63 and more."""

    status = -2


class ShapeError(EplbError, ValueError):
    """Sizes that do not go together."""

    status = -3


class StateError(EplbError, RuntimeError):
    """A call out of its order."""

    status = -4


class FormatError(EplbError, ValueError):
    """A file, or a map, whose content is not what it should be."""

    status = -5


class FileError(EplbError, OSError):
    """A file that cannot be read or written."""

    status = -6


class UnsupportedError(EplbError, NotImplementedError):
    """Possible in principle, not with this planner, machine or build."""

    status = -7


class MismatchError(EplbError, RuntimeError):
    """Ranks gave a collective call different arguments."""

    status = -8


class CorruptError(EplbError, RuntimeError):
    """Weights arrived with another checksum than they left with."""

    status = -9


class ChangedError(EplbError, RuntimeError):
    """The job wrote weights while they moved."""

    status = -10


class OutOfMemoryError(EplbError, MemoryError):
    """Out of memory, on any rank."""

    status = -11


class MpiError(EplbError, RuntimeError):
    """MPI, or another way of communication, returned an error."""

    status = -12


class InternalError(EplbError, RuntimeError):
    """A bug of the library."""

    status = -13


BY_STATUS: dict[int, type[EplbError]] = {
    kind.status: kind
    for kind in (
        ArgumentError,
        LoadsError,
        ShapeError,
        StateError,
        FormatError,
        FileError,
        UnsupportedError,
        MismatchError,
        CorruptError,
        ChangedError,
        OutOfMemoryError,
        MpiError,
        InternalError,
    )
}


def error_of(status: int, sentence: str) -> EplbError:
    """The exception for a status code other than 0."""
    return BY_STATUS.get(int(status), InternalError)(sentence)
