"""The file with the settings: its text, as .env or as sluice.toml, and how it is written."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

# A shell, `docker --env-file` and readers of .env take these as they are, without quotation marks.
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")
# In single quotes, all but these mean the same to a shell and to readers of .env; some of those end lines where Unicode
# does.
_AMBIGUOUS = re.compile(r"['\\\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HEAD = "# Settings of Sluice. They hold keys: keep this file to yourself."


class Unwritable(ValueError):
    """A value that .env cannot hold; the message is the name of its setting."""


def env_text(settings: Mapping[str, str]) -> str:
    """The settings as lines that a POSIX shell and a plain reader of .env read alike. Raises Unwritable."""
    lines = [_HEAD, "# An empty one is not set, whatever the environment has: that may be for another program."]
    for name, value in settings.items():
        if _AMBIGUOUS.search(value):
            raise Unwritable(name)
        lines.append(f"{name}={value}" if _PLAIN.fullmatch(value) else f"{name}='{value}'")
    return "\n".join([*lines, ""])


def toml_text(settings: Mapping[str, str]) -> str:
    """The settings as sluice.toml. Empty ones are left out."""
    tables = json.loads(settings.get("UPSTREAMS") or "[]")
    lines = [_HEAD]
    lines += [f"{name.lower()} = {_toml(value)}" for name, value in settings.items() if value and name != "UPSTREAMS"]
    for table in tables:
        lines += ["", "[[upstreams]]", *(f"{name} = {_toml(value)}" for name, value in table.items())]
    return "\n".join([*lines, ""])


def write_private(path: Path, text: str, replace: bool) -> None:
    """Write a file that only its owner can read (on Windows: as the folder allows), whole or not at all.

    Raises FileExistsError unless `replace`, and OSError.
    """
    descriptor, name = tempfile.mkstemp(prefix=".sluice-", suffix=".tmp", dir=path.parent)  # with mode 600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if not replace and path.exists():
            raise FileExistsError(path)
        Path(name).replace(path)
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def ignore(folder: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Name files in the folder's .gitignore. Returns those that were not there. Raises OSError."""
    path = folder / ".gitignore"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    listed = {line.strip().lstrip("/") for line in text.splitlines()}
    missing = tuple(name for name in names if name not in listed)
    if missing:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(("\n" if text and not text.endswith("\n") else "") + "".join(f"/{name}\n" for name in missing))
    return missing


def _toml(value: object) -> str:
    """A text or a list of texts. JSON's strings are TOML's, but for DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
