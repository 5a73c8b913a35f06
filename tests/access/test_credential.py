"""Which of a caller's headers is its key."""

from __future__ import annotations

import pytest

from proxy.access.auth import credential
from proxy.messages import Headers


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ((("authorization", "Bearer sk-1"), ("x-api-key", "sk-2")), "sk-1"),
        ((("authorization", "bearer  sk-1 "),), "sk-1"),
        ((("authorization", "Bearer"), ("x-api-key", "sk-2")), "sk-2"),
        ((("authorization", "Bearer  "),), ""),
        ((("authorization", "sk-1"), ("x-api-key", "sk-2")), "sk-1"),
        ((("authorization", "Basic eDp5"), ("api-key", "sk-2")), "sk-2"),
        ((("authorization", "Basic eDp5"),), "Basic eDp5"),
        ((("api-key", " "), ("x-goog-api-key", "sk-3")), "sk-3"),
        ((), ""),
    ],
)
def test_the_key_is_the_bearer_token_or_else_that_of_another_header(
    headers: tuple[tuple[str, str], ...], key: str
) -> None:
    assert credential(Headers(headers)) == key
