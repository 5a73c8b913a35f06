r"""Reads `.env` in the current folder, for the commands that run on one's own machine.

Functions and containers have their platform's variables and never read it. The environment wins over the file, so
`OPENAI_API_KEY= make run` tries something out without an edit. A setting that the file has empty is the exception: it
says that the setting is not in use, so the value that the shell keeps for other programs is not taken. Otherwise the
file's key for a provider could be sent to the address that another program has in OPENAI_BASE_URL.

The form is what a POSIX shell, Docker Compose and python-dotenv agree on: `NAME=value`, also after `export`; comments;
a value in quotation marks may span lines; within double ones a backslash quotes `"`, `\\`, `$` and a backtick. Where
they differ, the file is refused, or the value is taken as it stands: nothing is replaced and no command is run. This is
our own reader because a library would be one more package for every server, and python-dotenv replaces `${NAME}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import NamedTuple

from proxy.errors import ConfigError
from proxy.settings import config, text_file

NAME = ".env"
_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
# Only a # after a blank begins a comment: keys may contain one.
_VALUE = re.compile(
    r"""(?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<plain>(?:(?![ \t'"])[^\n]*?)?))"""
    r"[ \t]*(?:(?<=[ \t])#[^\n]*)?(?:\n|\Z)",
    re.DOTALL,
)
_ESCAPED = re.compile(r'\\(["\\$`])')


class EnvFile(NamedTuple):
    """What `load` did: the names of the settings that it took from the file, and of the values that are not used."""

    used: frozenset[str] = frozenset()
    overridden: frozenset[str] = frozenset()  # the file's, because the environment has another one
    disabled: frozenset[str] = frozenset()  # the environment's, because the file has the setting empty

    @property
    def summary(self) -> str:
        """The names of the settings, for people; '' if the file sets none. Never a value."""
        parts = [", ".join(sorted(self.used))] if self.used else []
        if self.overridden:
            parts.append(f"not used, because the environment has it: {', '.join(sorted(self.overridden))}")
        if self.disabled:
            parts.append(
                f"not used from the environment, because .env has it empty: {', '.join(sorted(self.disabled))}"
            )
        return "; ".join(parts)


def load(environ: MutableMapping[str, str], folder: Path) -> EnvFile:
    """Add the variables of `folder`/.env to `environ`, except those that it already has, even if they are empty.

    A setting that the file has empty becomes empty in `environ` too. Without a file nothing happens. Raises ConfigError
    for one that cannot be read.
    """
    path = folder / NAME
    if not path.is_file():  # a folder of this name is a virtual environment
        return EnvFile()
    values = parse(text_file.read(path, NAME, named=False))
    known = config.names()
    disabled = {name for name in known & values.keys() if not values[name] and environ.get(name)}
    overridden = {name for name, value in values.items() if environ.get(name, value) != value} - disabled
    used = {name for name in values if name not in environ}
    environ.update({name: values[name] for name in used | disabled})
    return EnvFile(known & used, known & overridden, frozenset(disabled))


def parse(text: str) -> Mapping[str, str]:
    """The variables in the text of a file. Of two with one name the last counts.

    Raises ConfigError with the line for everything that is not of the form above. It never quotes a value.
    """
    text = text.replace("\r\n", "\n")
    values: dict[str, str] = {}
    position = 0
    while position < len(text):
        if blank := _BLANK.match(text, position):
            position = blank.end()
            continue
        line = text.count("\n", 0, position) + 1
        name, value, position = _assignment(text, position, line)
        if name != name.upper() and name.upper() in config.names():
            raise _error(line, f"write {name.upper()} in capital letters")
        values[name] = value
    return values


def _assignment(text: str, position: int, line: int) -> tuple[str, str, int]:
    """The name and the value of the assignment at `position`, and where the next line begins."""
    assignment = _ASSIGNMENT.match(text, position)
    if assignment is None:
        raise _error(line, "a line must be NAME=value, or begin with #")
    name = assignment["name"]
    found = _VALUE.match(text, assignment.end())
    if found is None:
        raise _error(line, f"the value of {name} must end with its closing quotation mark")
    if (value := found["single"]) is None:
        value = found["plain"] if found["double"] is None else _ESCAPED.sub(r"\1", found["double"])
        if "${" in value:
            raise _error(line, f"{name} contains ${{…}}, which is not replaced here: write the value itself")
    if "\0" in value:
        raise _error(line, f"{name} contains a NUL character")
    return name, value, found.end()


def _error(line: int, why: str) -> ConfigError:
    return ConfigError(f"{NAME}, line {line}: {why}.")
