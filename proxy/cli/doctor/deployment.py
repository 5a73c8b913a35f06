"""What an endpoint runs on, in the registry's own names. What it says of itself is only looked up, never repeated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from proxy.cli.doctor.report import Report
from proxy.platforms import registry
from proxy.platforms.platform import Door, Function

# A version of Sluice. No four numbers, which would be an address, and no long ones, which could be a key.
_VERSION = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}((a|b|rc)\d{1,2})?")


@dataclass(frozen=True, slots=True)
class Deployment:
    """`function` is None if the platform is not one of the registry. `version` is Sluice's, or '' if it is not told.

    `doors` are those through which the calls may have come.
    """

    function: Function | None = None
    doors: tuple[Door, ...] = ()
    version: str = ""

    @property
    def title(self) -> str:
        """The platform's name for people; '' if it is not recognised."""
        return registry.platform_of(self.function).title if self.function else ""

    @property
    def python(self) -> str:
        """The version of Python that the bundle is made for; '' if there is no bundle, or if it is not compiled."""
        return self.function.bundle.python if self.function and self.function.bundle else ""


def recognise(report: Report, host: str) -> Deployment:
    """Look up what the endpoint has said of itself; `host` is the name by which it was called, in lower case."""
    for finding in report.findings:
        if finding.code in ("platform.ok", "platform.buffered"):
            version = str(finding.values.get("version"))
            function = registry.FUNCTIONS.get(str(finding.values.get("platform")))
            doors = doors_of(function, host) if function else ()
            return Deployment(function, doors, version if _VERSION.fullmatch(version) else "")
    return Deployment()


def doors_of(function: Function, host: str) -> tuple[Door, ...]:
    """The doors of a function that have host names like this one; all of its doors if none has."""
    named = tuple(door for door in function.doors if any(fnmatchcase(host, pattern) for pattern in door.hosts))
    return named or function.doors
