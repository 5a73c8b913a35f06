"""What the tests of the endpoints share."""

from __future__ import annotations

import pytest

from tests.conftest import Serve


@pytest.fixture(scope="session")
def demo(serve: Serve) -> str:
    """The address of a server that answers with the embedded demo."""
    return serve(DEMO="1").url
