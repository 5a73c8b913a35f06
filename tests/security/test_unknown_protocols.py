"""A path that writes text in a protocol that Sluice does not know is closed where its text would have to be read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from proxy.wire import path_table
from proxy.wire.paths import normalise_path
from tests.support.core import JSON_HEAD, Listed, error_of, request, run


@pytest.fixture
def no_known_route() -> Iterator[None]:
    """Routes keep the row of their path."""
    normalise_path.cache_clear()
    yield
    normalise_path.cache_clear()


@pytest.mark.parametrize(
    "settings",
    [{"CONTEXT_GUARD": "reject"}, {"MODERATION": "words", "MODERATION_WORDS": "forbidden"}],
    ids=lambda settings: next(iter(settings)),
)
def test_it_is_closed(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, no_known_route: None) -> None:
    row = path_table._BY_PATH["rerank"]._replace(limits=("max_tokens",), writes=True)
    monkeypatch.setitem(path_table._BY_PATH, "rerank", row)
    upstream = Listed(b"{}", headers=JSON_HEAD)
    reply, _ = run(upstream, request("/v1/rerank", b'{"model":"m","query":"x"}'), settings=settings)
    assert (reply.status, error_of(reply)["code"], upstream.sent) == (403, "path_not_allowed", [])
