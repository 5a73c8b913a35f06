"""The tables of translation in docs/protocols*.md: they are the code's own, and the code does what they say."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest

from proxy.errors import BadRequest
from proxy.protocols.translate import directions
from proxy.protocols.translate.chat_providers import UNKNOWN
from proxy.protocols.translate.dropped import MAPPED, NAMED, REFUSED
from proxy.settings.providers import TRANSLATED
from proxy.wire.path_table import MESSAGES, OPENAI, RESPONSES
from tools import translations

HI = [{"role": "user", "content": "Hi"}]
REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "messages-to-chat": (MESSAGES, OPENAI, {"model": "m", "messages": HI}),
    "responses-to-chat": (RESPONSES, OPENAI, {"model": "m", "input": "Hi"}),
    "chat-to-responses": (OPENAI, RESPONSES, {"model": "m", "messages": HI}),
}
MEMBERS = [(name, *pair) for name, table in translations.TABLES.items() for pair in table.items()]


@pytest.mark.parametrize("language", translations.LANGUAGES)
def test_the_document_has_the_tables_of_the_code(language: str) -> None:
    words = translations.LANGUAGES[language]
    written = words.document.read_text(encoding="utf-8")
    assert written == translations.rendered(written, words), "a table has changed: run `python -m tools.translations`"
    assert re.findall(r"<!-- ([a-z-]+) -->", written) == [
        mark for name in translations.TABLES for mark in (name, "end")
    ]


@pytest.mark.parametrize(("name", "member", "verdict"), MEMBERS)
def test_a_member_is_treated_as_its_table_says(name: str, member: str, verdict: str) -> None:
    api, upstream_api, request = REQUESTS[name]
    direction = directions.find(api, upstream_api)
    plain = direction.request(request, UNKNOWN, False)
    assert plain.dropped == []
    given = {**request, member: {"x": 1}}
    if verdict == REFUSED:
        with pytest.raises(BadRequest) as caught:
            direction.request(given, UNKNOWN, False)
        assert member in caught.value.message
    elif verdict == MAPPED:  # the value may be none for it, but is never left out
        with contextlib.suppress(BadRequest):
            assert member not in direction.request(given, UNKNOWN._replace(takes_top_k=True), False).dropped
    else:
        made = direction.request(given, UNKNOWN, False)
        assert made.request == plain.request
        assert made.dropped == ([member] if verdict == NAMED else [])


@pytest.mark.parametrize("name", translations.TABLES)
def test_any_other_member_is_named(name: str) -> None:
    api, upstream_api, request = REQUESTS[name]
    made = directions.find(api, upstream_api).request({**request, "brand_new": 1}, UNKNOWN, False)
    assert made.dropped == ["brand_new"]


def test_every_translation_of_the_settings_has_a_direction() -> None:
    wanted = {(api, other) for api, others in TRANSLATED.items() for other in others}
    assert wanted == directions.MODULES.keys() and all(map(directions.find, *zip(*wanted, strict=True)))
