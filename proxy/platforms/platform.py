"""What a row of the platform registry is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Door:
    """A way by which calls come in. `name` is its name in the limits table; pages for people write it in Chinese too.

    `streams` says whether an answer passes through it piece by piece. `hosts` are patterns (`*`) of the host names that
    the platform itself gives out for this door; a function behind a domain of its owner's has none of them.
    """

    name: str
    name_zh: str
    streams: bool
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is uploaded to a platform, as a folder and as a zip.

    `python` is the platform's version; an empty one compiles nothing. `wheels` is the system that packages are taken
    for, and `prefix` the folder in which the platform unpacks the zip. `files` and the executable `bootstrap` stand in
    the project's folder `origin` and keep their places; proxy/ goes into the folder `sources`.

    `not_uploaded` names folders that the platform's tool leaves out of an upload, wherever they are.

    Of proxy/ it holds what its functions' adapters import. The import closure stops at the modules in `lacks`: that is
    how a bundle does without a feature.
    """

    name: str
    python: str
    wheels: str
    packages: tuple[str, ...]
    files: tuple[str, ...]
    prefix: str
    limit: int
    zip_limit: int | None = None
    bootstrap: str | None = None
    origin: str = "."
    sources: str = "."
    # The systems that tiktoken is taken for. Compiled files have their system in their names, so one zip can serve two.
    # Empty where the platform has no room for counting tokens.
    tiktoken: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    not_uploaded: tuple[str, ...] = ()
    # The platform's own tool installs the packages: a requirements.txt in `sources` names the locked versions for it.
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """One adapter on one platform. `name` is what the log and /readyz call it.

    `doors` begins with the one whose limit for request bodies the adapter goes by.
    """

    name: str
    adapter: str
    doors: tuple[Door, ...]
    bundle: Bundle | None = None


@dataclass(frozen=True, slots=True)
class Platform:
    """`name` is the platform's name in the limits table, `title` its name for people."""

    name: str
    title: str
    title_zh: str
    functions: tuple[Function, ...]

    @property
    def doors(self) -> tuple[Door, ...]:
        """The doors of all its functions."""
        return tuple(door for function in self.functions for door in function.doors)
