"""Members that limit an answer, at the top level and one below, in both spellings of Google's API."""

from __future__ import annotations

import pytest

from proxy.errors import BadRequest
from proxy.routing import limit_fields

NAME = "generationConfig.maxOutputTokens"


@pytest.mark.parametrize(
    ("request_", "value"),
    [
        ({}, None),
        ({"generationConfig": {"maxOutputTokens": 5}}, 5),
        ({"generation_config": {"max_output_tokens": 5}}, 5),
        ({"generationConfig": {"max_output_tokens": 5}}, 5),
        ({"generationConfig": 3}, None),
    ],
)
def test_a_nested_limit_is_found(request_: dict[str, object], value: int | None) -> None:
    assert limit_fields.value_at(request_, NAME) == value
    assert limit_fields.value_at({"max_tokens": 7}, "max_tokens") == 7


def test_a_limit_is_set_where_the_request_has_it() -> None:
    assert limit_fields.setting({}, "max_tokens", 5) == {"max_tokens": b"5"}
    assert limit_fields.setting({}, NAME, 5) == {"generationConfig": b'{"maxOutputTokens":5}'}
    request = {"generation_config": {"topK": 3, "max_output_tokens": 9}}
    assert limit_fields.setting(request, NAME, 5) == {"generation_config": b'{"topK":3,"max_output_tokens":5}'}


@pytest.mark.parametrize(
    "request_",
    [
        {"generationConfig": {}, "generation_config": {}},
        {"generationConfig": {"maxOutputTokens": 1, "max_output_tokens": 2}},
    ],
)
def test_a_limit_in_both_spellings_is_refused(request_: dict[str, object]) -> None:
    with pytest.raises(BadRequest, match="Send one of them"):
        limit_fields.value_at(request_, NAME)
