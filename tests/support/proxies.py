"""Outbound proxies as the environment names them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from proxy.transports.outbound import VARIABLES

SOCKS = "socks5://127.0.0.1:7890"  # what Clash tells people to export


def only_proxies(patch: pytest.MonkeyPatch, environ: Mapping[str, str]) -> None:
    """Name these outbound proxies and no others."""
    for name in (*VARIABLES, "no_proxy"):
        patch.delenv(name, raising=False)
        patch.delenv(name.upper(), raising=False)
    for name, value in environ.items():
        patch.setenv(name, value)
