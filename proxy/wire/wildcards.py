"""Patterns of names, such as `gpt-4o*`: `*` stands for any run of characters, everything else for itself. Pure."""

from __future__ import annotations


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether `name` is one of `patterns`; case counts."""
    return any(_matches(name, pattern) for pattern in patterns)


def _matches(name: str, pattern: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    last = rest.pop()
    if not name.startswith(first):
        return False
    at = len(first)
    for part in rest:  # the earliest place is always good enough: what follows has the most room then
        if (found := name.find(part, at)) < 0:
            return False
        at = found + len(part)
    return len(name) - len(last) >= at and name.endswith(last)
