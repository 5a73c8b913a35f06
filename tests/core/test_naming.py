"""Which model the printed lines name."""

from __future__ import annotations

import json

import pytest

from proxy import config
from proxy.naming import first_model


@pytest.mark.parametrize(
    ("environ", "model"),
    [
        ({"DEMO": "1"}, "demo"),
        ({}, "gpt-4o-mini"),
        ({"OPENAI_BASE_URL": "https://api.deepseek.com/v1"}, "deepseek-chat"),
        ({"OPENAI_BASE_URL": "https://dashscope.aliyuncs.com/compatible-mode/v1"}, "qwen-plus"),
        ({"OPENAI_BASE_URL": "https://llm.example.com/v1"}, "YOUR-MODEL"),
        ({"UPSTREAMS": json.dumps([{"name": "a", "base_url": "https://x.example", "models": "a-*,b"}])}, "b"),
        ({"UPSTREAMS": json.dumps([{"name": "a", "base_url": "https://x.example", "aliases": {"mine": "b"}}])}, "mine"),
        (
            {"UPSTREAMS": json.dumps([{"name": "a", "base_url": "https://api.x.ai/v1", "models": "grok-*"}])},
            "grok-3-mini",
        ),
    ],
)
def test_a_model_that_the_upstream_has_is_named(environ: dict[str, str], model: str) -> None:
    assert first_model(config.load(environ)) == model
