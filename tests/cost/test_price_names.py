"""Whose model a name means, and at which provider: a price that may be another model's is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.cost import price_table
from proxy.cost.prices import find
from proxy.messages import Reply
from tests.support.core import Listed, error_of, request, run
from tools import prices as making

OPENAI, AZURE = "https://api.openai.com/v1", "https://mine.openai.azure.com/openai/v1"
RELAY, LOCAL = "https://relay.example/v1", "http://localhost:11434/v1"
OPENROUTER, DEEPSEEK = "https://openrouter.ai/api/v1", "https://api.deepseek.com"
GOOGLE = "https://generativelanguage.googleapis.com/v1beta/openai"


def price(model: str, base_url: str | None) -> tuple[str, float, float] | None:
    found = find(model, base_url)
    return (found.provider, found.prices[0]["input"], found.prices[0]["output"]) if found else None


@pytest.mark.parametrize(
    ("model", "base_url", "expected"),
    [
        # A vendor before the name, behind any address.
        ("azure/gpt-4o", RELAY, ("openai", 2.5, 10)),
        ("azure/gpt-4o", OPENAI, ("openai", 2.5, 10)),
        ("openai/gpt-4o", LOCAL, ("openai", 2.5, 10)),
        ("openai/gpt-4o", AZURE, ("openai", 2.5, 10)),
        ("OpenAI/GPT-4o", None, ("openai", 2.5, 10)),
        ("models/gemini-2.5-pro", GOOGLE, ("google", 1.25, 10)),
        ("openrouter/openai/gpt-5", RELAY, ("openrouter", 1.25, 10)),
        ("meta-llama/gpt-4o", RELAY, None),
        ("pool/openai/gpt-4o", RELAY, None),
        # Snapshots are the model, or have a price of their own.
        ("gpt-4o-2024-05-13", OPENAI, ("openai", 5, 15)),
        ("gpt-6-sol-2026-09-09", OPENAI, ("openai", 2, 10)),
        ("gpt-6-sol-2026-09-09-mini", OPENAI, None),
        ("claude-sonnet-4-5-20250929", None, ("anthropic", 3, 15)),
        ("claude-sonnet-4-5@20250929", "https://us-east5-aiplatform.googleapis.com/v1", ("google", 3, 15)),
        ("gemini-2.5-pro-preview-05-06", GOOGLE, ("google", 1.25, 10)),
        ("gemini-2.5-pro-of-mine", GOOGLE, None),
        ("gpt-4o-of-mine", OPENAI, None),
        # Open weights of any size are not the paid model.
        ("deepseek-r1:7b", LOCAL, None),
        ("deepseek-r1:7b", DEEPSEEK, None),
        ("deepseek-r1:671b", RELAY, None),
        ("deepseek-r1-distill-qwen-7b", DEEPSEEK, None),
        ("deepseek-r1-distill-llama-70b", None, None),
        ("deepseek-r1", RELAY, None),
        ("gpt-oss:20b", LOCAL, None),
        ("openai/gpt-oss-20b", RELAY, None),
        ("glm-4.6", "http://10.0.0.3:8000/v1", None),
        ("glm-4.6", RELAY, ("zai", 0.6, 2.2)),
        ("qwen/qwen-plus", LOCAL, None),
        ("gpt-4o:latest", LOCAL, None),
        # A tag changes the price; free is free at OpenRouter only.
        ("deepseek/deepseek-r1:free", OPENROUTER, ("openrouter", 0, 0)),
        ("deepseek/deepseek-r1:free", RELAY, None),
        ("deepseek-r1:free", None, None),
        ("gpt-4o:free", OPENAI, None),
        ("openai/gpt-5:online", OPENROUTER, None),
        ("openai/gpt-5", OPENROUTER, ("openrouter", 1.25, 10)),
        ("gpt-5", OPENROUTER, None),
        # Fine-tuned models have prices of their own, or none here.
        ("ft:gpt-4.1-mini-2025-04-14:acme::Bx1", OPENAI, ("openai", 0.8, 3.2)),
        ("ft:gpt-4.1-2025-04-14:acme:name:Bx1", None, ("openai", 3, 12)),
        ("ft:gpt-4o-mini-2024-07-18:acme::Bx1", OPENAI, ("openai", 0.3, 1.2)),
        ("ft:gpt-4.1-mini:acme::Bx1", OPENAI, None),
        ("ft:gpt-5-2025-08-07:acme::Bx1", OPENAI, None),
        ("gpt-4.1-mini-2025-04-14.ft-0123abcd", AZURE, None),
        # Azure deployments may have any name.
        ("prod-o4-mini", AZURE, None),
        ("o4-mini", AZURE, ("azure", 1.1, 4.4)),
        # In China and abroad.
        ("qwen-plus", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", ("qwen", 0.4, 1.2)),
        ("qwen-plus", "https://ws.ap-southeast-1.maas.aliyuncs.com/compatible-mode/v1", ("qwen", 0.4, 1.2)),
        ("qwen-plus", "https://dashscope.aliyuncs.com/compatible-mode/v1", None),
        ("qwen-plus", "https://dashscope-us.aliyuncs.com/compatible-mode/v1", None),
        ("qwen-plus", "https://ws.cn-beijing.maas.aliyuncs.com/compatible-mode/v1", None),
        ("glm-4.7", "https://open.bigmodel.cn/api/paas/v4", ("zhipuai", 0.276, 1.103)),
        ("glm-4.7", "https://api.z.ai/api/paas/v4", ("zai", 0.6, 2.2)),
        ("kimi-k2-turbo-preview", "https://api.moonshot.cn/v1", ("moonshotai", 1.15, 8)),
        ("minimax-m2.1-highspeed", "https://api.minimaxi.com/v1", ("minimax", 0.6, 2.4)),
        # Hosts with prices of their own that no source here has: nobody else's count.
        ("deepseek-chat", "https://ark.cn-beijing.volces.com/api/v3", None),
        ("doubao-seed-1-6-250615", "https://ark.cn-beijing.volces.com/api/v3", None),
        ("deepseek-chat", "https://api.siliconflow.cn/v1", None),
        ("hunyuan-turbos-latest", "https://api.hunyuan.cloud.tencent.com/v1", None),
        ("ernie-4.5-turbo-128k", "https://qianfan.baidubce.com/v2", None),
        ("step-2-16k", "https://api.stepfun.com/v1", None),
        ("Baichuan4", "https://api.baichuan-ai.com/v1", None),
        ("yi-large", "https://api.lingyiwanwu.com/v1", None),
        ("claude-sonnet-4-5", "https://bedrock-mantle.us-east-1.api.aws/v1", None),
    ],
)
def test_a_price_is_of_a_provider_and_a_model(
    model: str, base_url: str | None, expected: tuple[str, float, float] | None
) -> None:
    assert price(model, base_url) == expected


def test_an_address_is_a_provider_s_as_a_whole() -> None:
    assert price("deepseek-reasoner", "https://api.deepseek.com/v1") == price("deepseek-reasoner", DEEPSEEK)
    assert find("gpt-5", "https://openrouter.ai.example/v1") == find("gpt-5", RELAY)
    assert find("qwen-plus", "http://127.0.0.1:8000/v1") is find("qwen-plus", "http://[::1]:8000/v1") is None


def test_the_owner_s_patterns_mean_what_they_say(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"models": [{"match": ["deepseek-r1:*"], "input": 0, "output": 0}]}))
    found = find("deepseek-r1:7b", LOCAL, str(own))
    assert found and found.provider == "own" and found.is_free


@pytest.mark.parametrize(
    ("regex", "names"),
    [
        (r"^grok-4\.7-\d{8}$", ["grok-4.7-" + "[0-9]" * 8]),
        (r"^gpt-6-sol-\d{4}-\d{2}-\d{2}$", ["gpt-6-sol-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"]),
        (r"^claude-opus-5[-@]\d{8}$", ["claude-opus-5[-@]" + "[0-9]" * 8]),
        (r"^gemini-4-argon-\d", ["gemini-4-argon-[0-9]*"]),
        (r"^(?!.*-tts)", []),
    ],
)
def test_names_with_dates_become_patterns(regex: str, names: list[str]) -> None:
    assert making._dated(regex) == names


@pytest.mark.parametrize(
    ("model", "limit"), [("gpt-5", 272_000), ("gpt-5-2025-08-07", 272_000), ("gpt-5.4", 922_000), ("gpt-4o", None)]
)
def test_some_models_take_less_than_their_window(model: str, limit: int | None) -> None:
    found = find(model, OPENAI)
    assert found and found.max_input == limit


def send(text: str, settings: dict[str, str], **fields: Any) -> tuple[Reply, Listed]:
    upstream = Listed(b"{}", headers=(("content-type", "application/json"), ("content-length", "2")))
    body = json.dumps({"messages": [{"role": "user", "content": text}], **fields}).encode()
    return run(upstream, request(body=body), settings=settings)[0], upstream


def test_the_limit_of_the_input_counts_not_only_the_window() -> None:
    reply, upstream = send("word " * 300_000, {"CONTEXT_GUARD": "reject"}, model="gpt-5", max_tokens=5_000)
    assert reply.status == 400 and not upstream.sent
    assert "maximum context length is 272000 tokens" in error_of(reply)["message"]
    reply, upstream = send("word " * 260_000, {"CONTEXT_GUARD": "reject"}, model="gpt-5")
    assert reply.status == 200 and upstream.sent


def test_a_limit_on_cost_takes_the_maker_s_price_too() -> None:
    """OpenRouter lists the price of one host and may choose another one."""

    def status(model: str) -> int:
        settings = {"MAX_COST_USD": "0.01", "OPENAI_BASE_URL": OPENROUTER}
        return send("Hi", settings, model=model, max_tokens=100)[0].status

    assert status("openai/gpt-4o-mini") == 200
    assert status("deepseek/deepseek-r1:free") == 200
    assert price("meta-llama/llama-3.3-70b-instruct", OPENROUTER) is not None
    assert status("meta-llama/llama-3.3-70b-instruct") == 400


def test_a_table_of_nothing_has_nothing() -> None:
    assert price_table.search({"models": [], "providers": {"x": "x"}}, "gpt-4o", None) is None
