"""Running one case of the contract, whoever carries the call."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.support.case import LOCAL, Ask, Case, error_code
from tests.support.client import Result
from tests.support.upstream import Upstream

Asker = Callable[[Ask, "tuple[tuple[str, str], ...]"], Result]


def keep(case: Case, ask: Asker, upstream: Upstream) -> None:
    """Play the case's upstream, call through `ask` with the case's settings, and check what has come of it."""
    upstream.play(*case.refusals, case.upstream)
    settings = {"OPENAI_BASE_URL": upstream.url, **dict(case.settings)}
    settings = {name: value.replace("{upstream}", upstream.url.removesuffix("/v1")) for name, value in settings.items()}
    check(case, ask(case.ask, tuple(settings.items())), upstream)


def check(case: Case, result: Result, upstream: Upstream) -> None:
    want = case.want
    assert result.status == want.status, result.body
    assert not result.broken
    if want.body is not None:
        assert result.body == want.body
    if want.says:
        assert want.says in result.body.decode()
    if want.code is not None:
        error = json.loads(result.body)["error"]
        assert {"message", "code"} <= set(error) <= {"message", "type", "param", "code", "status", "details"}
        assert error_code(error) == want.code
    for name, value in want.headers.items():
        assert result.header(name) == value, name
    assert result.header("x-sluice-request-id")
    if want.up == LOCAL:
        assert upstream.received == []
    elif callable(want.up):
        assert len(upstream.received) == 1 + len(case.refusals)
        assert want.up(upstream.received[-1]), upstream.received[-1]
