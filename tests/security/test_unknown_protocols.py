"""A path that writes text in a protocol that Sluice does not know is closed where its text would have to be read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.wire import path_table
from tests.support.core import JSON_HEAD, Listed, error_of, request, run


@pytest.mark.parametrize(
    "settings",
    [{"CONTEXT_GUARD": "reject"}, {"MODERATION": "words", "MODERATION_WORDS": "forbidden"}],
    ids=lambda settings: next(iter(settings)),
)
def test_it_is_closed(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(path_table._BY_PATH["rerank"], limits=("max_tokens",), writes=True)
    monkeypatch.setitem(path_table._BY_PATH, "rerank", row)
    upstream = Listed(b"{}", headers=JSON_HEAD)
    reply, _ = run(upstream, request("/v1/rerank", b'{"model":"m","query":"x"}'), settings=settings)
    assert (reply.status, error_of(reply)["code"], upstream.sent) == (403, "path_not_allowed", [])
