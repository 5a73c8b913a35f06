"""The language in which a command speaks to the person at the terminal."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("en", "zh")


def language_of(environ: Mapping[str, str]) -> str:
    """`zh` or `en`, by the environment's locale."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return "zh" if locale.lower().startswith("zh") else "en"
