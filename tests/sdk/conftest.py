"""What the tests under Node share."""

from __future__ import annotations

import pytest

from tests.support import node_clients


@pytest.fixture(scope="session")
def program() -> str:
    """The path of Node, with the packages of tests/clients installed."""
    return node_clients.program()
