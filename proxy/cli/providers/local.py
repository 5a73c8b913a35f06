"""Servers on one's own machine, at the addresses at which they listen by themselves."""

from __future__ import annotations

from proxy.cli.providers.entry import Entry

_READ = "2026-11-27"

ENTRIES = (
    Entry(
        "ollama",
        "Ollama",
        "Ollama",
        "http://127.0.0.1:11434/v1",
        "",
        "https://docs.ollama.com/api/openai-compatibility",
        (),
        "It needs no key; its Responses keeps nothing between calls.",
        "不需要密钥；它的 Responses 不保存任何上下文。",
        "docs.ollama.com/api/openai-compatibility, docs.ollama.com/api/anthropic-compatibility",
        _READ,
        placeholder_key="ollama",
    ),
    Entry(
        "vllm",
        "vLLM",
        "vLLM",
        "http://127.0.0.1:8000/v1",
        "",
        "https://docs.vllm.ai",
        (),
        "It needs a key only if it was started with `--api-key`.",
        "只有用 `--api-key` 启动时才需要密钥。",
        "docs.vllm.ai/en/v0.8.4/serving/openai_compatible_server.html",
        _READ,
        placeholder_key="EMPTY",
    ),
    Entry(
        "lmstudio",
        "LM Studio",
        "LM Studio",
        "http://127.0.0.1:1234/v1",
        "",
        "https://lmstudio.ai/docs/developer/core/server",
        (),
        "It needs a key only if Require Authentication is on; start its server in the tab Developer.",
        "只有打开 Require Authentication 时才需要密钥；服务在 Developer 页启动。",
        "lmstudio.ai/docs/developer/anthropic-compat",
        _READ,
        placeholder_key="lm-studio",
    ),
)
