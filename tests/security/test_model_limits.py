"""A key for some models reaches no other model, whatever field names it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from proxy.access import signed_keys
from proxy.call import Grant
from tests.support.guards import CHAT, FORM, SIGNED, chat, form, send


@pytest.mark.parametrize(
    "more",
    [
        {"context_window_fallbacks": [{"gpt-4o-mini": ["o1-pro"]}]},
        {"content_policy_fallbacks": [{"gpt-4o-mini": ["o1-pro"]}]},
        {"context_window_fallback_dict": {"gpt-4o-mini": "o1-pro"}},
        {"preset": "dear"},
        {"name": "x", "parameters": {"models": ["o1-pro"]}},
        {"type": "tool_use", "input": {"models": ["o1-pro"]}},
        {"tools": [{"Type": "image_generation"}]},
    ],
)
def test_no_field_reaches_another_model_than_the_key_allows(more: dict[str, Any]) -> None:
    settings = {**SIGNED, "ALLOW_REFERENCES": "*"}
    grant = Grant(models=("gpt-4o-mini",))
    key = signed_keys.mint(signed_keys.Key("n", "id", int(time.time()) + 999, grant), ("s" * 40,))
    headers = (("authorization", f"Bearer {key}"),)
    assert send(chat(**more), settings, CHAT, headers) == ("model_not_allowed", None)
    code, went_up = send(chat(provider={"allow_fallbacks": False}), settings, CHAT, headers)
    assert code is None and went_up is not None


@pytest.mark.parametrize("name", ["gpt-4o-mini,o1-pro", "gpt-4o-mini\no1-pro"])
def test_a_model_name_with_a_separator_is_refused(name: str) -> None:
    key = signed_keys.mint(signed_keys.Key("n", "id", int(time.time()) + 999, Grant(models=("gpt-4o*",))), ("s" * 40,))
    headers = (("authorization", f"Bearer {key}"),)
    assert send(chat(model=name), SIGNED, CHAT, headers) == ("bad_request", None)
    assert send(chat(model="gpt-4o", models=[name]), SIGNED, CHAT, headers) == ("model_not_allowed", None)
    many = chat(model="gpt-4o", models=[f"gpt-4o-{number}" for number in range(200)])
    assert send(many, SIGNED, CHAT, headers)[1] is None
    assert send(chat(model="gpt-4o", models=["gpt-4o"] * 200), SIGNED, CHAT, headers)[0] is None
    form_headers = (*headers, FORM)
    assert send(form(model=name), SIGNED, "/v1/audio/transcriptions", form_headers)[0] in (
        "bad_request",
        "model_not_allowed",
    )
    named = form(model="gpt-4o", fallback_model="o1-pro")
    assert send(named, SIGNED, "/v1/audio/transcriptions", form_headers) == ("model_not_allowed", None)
    assert send(chat(), SIGNED, f"{CHAT}?a=1;model=dear", headers) == ("model_not_allowed", None)
