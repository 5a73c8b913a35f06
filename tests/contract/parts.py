"""What the cases are made of: settings, answers, and the two kinds of expectation that come up again and again."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.case import JSON, LOCAL, Ask, Case, Want
from tests.support.upstream import Received, whole

OK = whole(b'{"ok":1}')
SERVER_KEY = (("OPENAI_API_KEY", "sk-server"),)
BOTH = (*SERVER_KEY, ("PROXY_KEY", "pk-one,pk-two"))
PROXY_ONLY = (("PROXY_KEY", "pk-one,pk-two"),)


def bearer(key: str, header: str = "Authorization") -> tuple[tuple[str, str], ...]:
    return ((header, f"Bearer {key}" if header == "Authorization" else key), JSON)


def goes_up_with(key: str) -> Callable[[Received], bool]:
    """The key in the form of its API: Anthropic's has a header of its own."""
    return lambda up: (
        up.header("x-api-key") == key
        if "/messages" in up.target
        else up.header("authorization") == f"Bearer {key}" and up.header("x-api-key") is None
    )


def local(
    name: str, ask: Ask, status: int, code: str, settings: tuple[tuple[str, str], ...] = (), says: str = ""
) -> Case:
    """Answered by us, in OpenAI's shape, with CORS, and never seen upstream."""
    headers: dict[str, str | None] = {
        "access-control-allow-origin": "*",
        "content-type": "application/json; charset=utf-8",
    }
    return Case(name, ask, OK, Want(status, None, code, says, headers, LOCAL), frozenset(), settings)


def lets_in(
    name: str, key: str, up: str, settings: tuple[tuple[str, str], ...], header: str = "Authorization", path: str = ""
) -> Case:
    ask = Ask(path=path or "/v1/chat/completions", headers=bearer(key, header))
    return Case(f"access: {name}", ask, OK, Want(200, b'{"ok":1}', up=goes_up_with(up)), frozenset(), settings)
