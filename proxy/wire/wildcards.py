"""Patterns of names, such as `gpt-5.4*`: `*` matches any characters, everything else matches itself. Pure."""

from __future__ import annotations


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether `name` matches one of `patterns`. Case-sensitive."""
    return any(_matches(name, pattern) for pattern in patterns)


def _matches(name: str, pattern: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    last = rest.pop()
    if not name.startswith(first):
        return False
    at = len(first)
    for part in rest:  # the earliest match leaves the most room for the parts after it
        if (start := name.find(part, at)) < 0:
            return False
        at = start + len(part)
    return len(name) - len(last) >= at and name.endswith(last)
