"""Reads a text file that a setting names. Imported only if there is one."""

from __future__ import annotations

import codecs
from pathlib import Path

from proxy.errors import ConfigError

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read(path: str | Path, setting: str, named: bool = True) -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises ConfigError with the file, the reason and the remedy. `named` says whether `setting` names the file.
    """
    subject = f"{setting} names {path}, which cannot be read" if named else f"{path} cannot be read"
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ConfigError(f"{subject}: {_why(error)}.", param=setting) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        encoding = "it is UTF-16" if data.startswith(_UTF16) else f"line {line} is not UTF-8 (perhaps GBK)"
        raise ConfigError(f"{subject}: {encoding}; save the file as UTF-8.", param=setting) from None


def _why(error: OSError | ValueError) -> str:
    """The reason and what to do about it."""
    if isinstance(error, FileNotFoundError):
        return "no such file; correct the path (a Worker has no files)"
    if isinstance(error, (IsADirectoryError, NotADirectoryError)):
        return "it is a directory, or part of its path is not one; name the file itself"
    if isinstance(error, PermissionError):
        return "permission denied; make it readable for the user that runs Sluice"
    return f"{getattr(error, 'strerror', None) or error}; correct the path"
