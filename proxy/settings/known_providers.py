"""Where well-known providers serve each API, and the form of key that they want there: one row for each.

Read on 2026-11-26: api-docs.deepseek.com/guides/anthropic_api, platform.kimi.ai, docs.z.ai, docs.bigmodel.cn, Alibaba
Model Studio, platform.minimax.io, docs.aws.amazon.com/bedrock, openrouter.ai/docs, docs.siliconflow.cn,
learn.microsoft.com/azure/ai-foundry, platform.claude.com/docs/en/api/openai-sdk, ai.google.dev/gemini-api/docs/openai.
Read on 2026-11-27: cloud.baidu.com/doc/qianfan-docs/s/6mh3e6gjp (Qianfan), tencentcloud.com/document/product/1300/78941
(TokenHub; its page names the API, not the path), platform.stepfun.ai/docs/en/api-reference/chat/messages-create,
docs.fireworks.ai/tools-sdks/anthropic-compatibility, docs.together.ai/docs/inference/openai-compatibility,
docs.perplexity.ai/docs/agent-api/openai-compatibility, docs.x.ai/developers/rest-api-reference/inference/legacy, which
withdraws Messages. Where Volcengine serves Messages stands in public code only (cc-switch and others, seen 2026-11-27).
Imported only by calls of other APIs than chat.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from proxy.settings.apis import AUTHORIZATION, GOOG_API_KEY, X_API_KEY, Api
from proxy.wire.path_table import GEMINI, MESSAGES, OPENAI, RESPONSES

_VERSION = re.compile(r"v\d+(?:alpha|beta)?\d*")


class Row(NamedTuple):
    """One provider.

    `host` is a pattern for the host of its base URL, or for host and path if it has a slash. `apis` says where each API
    is, with `{host}` for that host and `{1}` for the first group of the pattern; OPENAI and RESPONSES are at the
    configured address unless they are listed. An API that is None is not served. `chat` is where chat completions are
    if the configured address is that of another API, '' if that is not known.
    """

    host: str
    apis: dict[str, tuple[str, str] | None]
    chat: str = ""


# Providers of OpenAI's APIs alone, and of chat completions alone.
_OPENAI_ONLY: dict[str, tuple[str, str] | None] = {MESSAGES: None, GEMINI: None}
_CHAT_ONLY = {**_OPENAI_ONLY, RESPONSES: None}
_ZAI: dict[str, tuple[str, str] | None] = {
    MESSAGES: ("https://{host}/api/anthropic/v1", AUTHORIZATION),
    GEMINI: None,
}
ROWS: tuple[Row, ...] = (
    Row(r"api\.openai\.com", _OPENAI_ONLY),
    Row(
        r"api\.anthropic\.com",
        {
            MESSAGES: ("https://{host}/v1", X_API_KEY),
            OPENAI: ("https://{host}/v1", AUTHORIZATION),
            RESPONSES: None,
            GEMINI: None,
        },
    ),
    Row(
        r"generativelanguage\.googleapis\.com",
        {
            GEMINI: ("https://{host}/v1beta", GOOG_API_KEY),
            OPENAI: ("https://{host}/v1beta/openai", AUTHORIZATION),
            RESPONSES: None,
            MESSAGES: None,
        },
    ),
    Row(r"api\.deepseek\.com", {MESSAGES: ("https://{host}/anthropic/v1", X_API_KEY), GEMINI: None}, "https://{host}"),
    Row(
        r"api\.moonshot\.(?:ai|cn)",
        {MESSAGES: ("https://{host}/anthropic/v1", AUTHORIZATION), GEMINI: None},
        "https://{host}/v1",
    ),
    Row(
        r"(?:api\.z\.ai|open\.bigmodel\.cn)/api/coding/.*",
        {**_ZAI, RESPONSES: ("https://{host}/api/v1", AUTHORIZATION)},
    ),
    Row(r"api\.z\.ai|open\.bigmodel\.cn", {**_ZAI, RESPONSES: None}, "https://{host}/api/paas/v4"),
    Row(
        r"(?:[a-z-]+\.)?dashscope(?:-[a-z]+)?\.aliyuncs\.com|[^.]+\.[^.]+\.maas\.aliyuncs\.com",
        {
            MESSAGES: ("https://{host}/apps/anthropic/v1", AUTHORIZATION),
            RESPONSES: ("https://{host}/api/v2/apps/protocols/compatible-mode/v1", AUTHORIZATION),
            GEMINI: None,
        },
        "https://{host}/compatible-mode/v1",
    ),
    Row(
        r"api\.minimaxi?\.(?:io|com|chat)",
        {MESSAGES: ("https://{host}/anthropic/v1", AUTHORIZATION), GEMINI: None},
        "https://{host}/v1",
    ),
    Row(
        r"bedrock-(?:runtime|mantle)\.([a-z0-9-]+)\.(?:amazonaws\.com|api\.aws)",
        {MESSAGES: ("https://bedrock-mantle.{1}.api.aws/anthropic/v1", AUTHORIZATION), GEMINI: None},
    ),
    Row(r"openrouter\.ai", {MESSAGES: ("https://{host}/api/v1", AUTHORIZATION), GEMINI: None}, "https://{host}/api/v1"),
    Row(r"[^.]+\.services\.ai\.azure\.com", {MESSAGES: ("https://{host}/anthropic/v1", X_API_KEY), GEMINI: None}),
    Row(r"[^.]+\.openai\.azure\.com", _OPENAI_ONLY),
    Row(
        r"api\.siliconflow\.(?:cn|com)",
        {MESSAGES: ("https://{host}/v1", AUTHORIZATION), RESPONSES: None, GEMINI: None},
        "https://{host}/v1",
    ),
    Row(
        r"ark\.[a-z0-9-]+\.volces\.com/api/coding.*",
        {MESSAGES: ("https://{host}/api/coding/v1", AUTHORIZATION), GEMINI: None},
        "https://{host}/api/coding/v3",
    ),
    Row(
        r"ark\.[a-z0-9-]+\.volces\.com",
        {MESSAGES: ("https://{host}/api/compatible/v1", AUTHORIZATION), GEMINI: None},
        "https://{host}/api/v3",
    ),
    Row(
        r"qianfan\.baidubce\.com",
        {MESSAGES: ("https://{host}/anthropic/v1", X_API_KEY), GEMINI: None},
        "https://{host}/v2",
    ),
    Row(
        r"tokenhub(?:-intl)?\.tencent(?:cloud)?maas\.(?:com|tech)",
        {MESSAGES: ("https://{host}/v1", AUTHORIZATION), GEMINI: None},
        "https://{host}/v1",
    ),
    Row(
        r"api\.stepfun\.(?:com|ai)/step_plan.*",
        {MESSAGES: ("https://{host}/step_plan/v1", X_API_KEY), GEMINI: None},
        "https://{host}/step_plan/v1",
    ),
    Row(r"api\.stepfun\.(?:com|ai)", {MESSAGES: ("https://{host}/v1", X_API_KEY), GEMINI: None}, "https://{host}/v1"),
    Row(
        r"api\.fireworks\.ai",
        {MESSAGES: ("https://{host}/inference/v1", AUTHORIZATION), GEMINI: None},
        "https://{host}/inference/v1",
    ),
    Row(r"(?:us\.)?api\.x\.ai|api\.groq\.com|api\.perplexity\.ai", _OPENAI_ONLY),
    Row(r"api\.mistral\.ai|api\.together\.(?:ai|xyz)", _CHAT_ONLY),
)


@lru_cache(maxsize=64)
def find(base_url: str, name: str) -> Api | None:
    """Where the provider at `base_url` serves an API; None if it does not.

    A server that is not known, such as a relay or a local one, is taken to serve every API next to its base URL.
    """
    if (found := _row(base_url)) is None:
        return _beside(base_url, name)
    row, match, host = found
    if name not in row.apis:
        return Api(base_url)
    if (place := row.apis[name]) is None:
        return None
    return Api(place[0].format(*match.group(0, *range(1, len(match.groups()) + 1)), host=host), place[1])


def chat(base_url: str) -> Api | None:
    """Where the provider serves chat completions whose Messages or Gemini API is at `base_url`; None if unknown."""
    if (found := _row(base_url)) is None:
        return None
    row, _, host = found
    if OPENAI in row.apis:
        return find(base_url, OPENAI)
    return Api(row.chat.format(host=host)) if row.chat else None


def native(base_url: str, name: str) -> Api:
    """An API at the address that somebody gave for it, with or without its version, as that API's own SDKs want it."""
    known = find(base_url, name)
    header = {MESSAGES: X_API_KEY, GEMINI: GOOG_API_KEY}[name]
    if known is not None and urlsplit(known.base_url).hostname == urlsplit(base_url).hostname:
        header = known.key_header
    return Api(_versioned(base_url, "v1" if name == MESSAGES else "v1beta"), header)


def is_official(base_url: str, name: str) -> bool:
    """Whether this is the API of its maker, which has all of its paths."""
    host = urlsplit(base_url).hostname
    return (host, name) in (("api.anthropic.com", MESSAGES), ("generativelanguage.googleapis.com", GEMINI))


def _row(base_url: str) -> tuple[Row, re.Match[str], str] | None:
    """The row of the provider at this address, how its pattern matches, and the host."""
    address = urlsplit(base_url)
    host = address.hostname or ""
    for row in ROWS:
        if (match := re.fullmatch(row.host, host + address.path if "/" in row.host else host)) is not None:
            return row, match, host
    return None


def _beside(base_url: str, name: str) -> Api:
    if name in (OPENAI, RESPONSES):
        return Api(base_url)
    if name == MESSAGES:
        return Api(_versioned(base_url, "v1"), X_API_KEY)
    above, _, version = base_url.rstrip("/").rpartition("/")
    return Api(f"{above}/v1beta" if version == "v1" else _versioned(base_url, "v1beta"), GOOG_API_KEY)


def _versioned(base_url: str, version: str) -> str:
    base_url = base_url.rstrip("/")
    return base_url if _VERSION.fullmatch(base_url.rpartition("/")[2]) else f"{base_url}/{version}"
