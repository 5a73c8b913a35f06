"""Refusals that concern the key, or the account that it belongs to, in each provider's words.

Another key may get an answer, and the refused one should rest. A refusal of the request, of the model or of the region
is none of these: all keys would meet it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from proxy.call import Call
from proxy.errors import UpstreamRefused
from proxy.settings import regions

# These statuses say it alone: 401 everywhere, 402 at DeepSeek, OpenRouter, Together, Xiaomi and Anthropic.
_STATUSES = (401, 402)


@dataclass(frozen=True, slots=True)
class Row:
    """One refusal: its statuses, and either `codes`, of which the error names one, or how its message begins.

    `source` is where it was read, on 2026-11-26. Codes are compared in lower case with the members that hold codes.
    """

    source: str
    statuses: tuple[int, ...]
    codes: frozenset[str] = frozenset()
    message: re.Pattern[str] | None = None


def _codes(source: str, statuses: tuple[int, ...], codes: str) -> Row:
    return Row(source, statuses, frozenset(codes.split()))


def _message(source: str, statuses: tuple[int, ...], beginning: str) -> Row:
    return Row(source, statuses, message=re.compile(beginning, re.IGNORECASE))


ROWS: tuple[Row, ...] = (
    # OpenAI, and relays in its dialect.
    _codes(
        "github.com/songquanpeng/one-api monitor/manage.go; developers.openai.com/api/docs/guides/error-codes",
        (400, 403, 429),
        "invalid_api_key incorrect_api_key account_deactivated insufficient_quota billing_not_active "
        "billing_hard_limit_reached access_terminated insufficient_user_quota",
    ),
    _message(
        "xAI, OpenAI: github.com/openai/codex#1352", (400, 403), r"(Incorrect|Invalid) API[ -]key provided(?=\W|$)"
    ),
    _message(
        "xAI: github.com/continuedev/continue#10373, warpdotdev/warp#14867",
        (400, 403, 429),
        r"Your (newly created )?team .{0,80}?(used all available credits|reached its monthly spending limit|"
        r"doesn't have any credits)",
    ),
    # Anthropic.
    _message(
        "github.com/songquanpeng/one-api monitor/manage.go; anthropics/claude-code#66314, #72457, #1047, #79167",
        (400, 403, 429),
        r"(Your )?credit balance is too low|You have reached your specified (\w+ )?API usage limits|"
        r"(This|Your) organization has been disabled|(This|You|Your)\b[^\"`]{0,80}?\bspend(ing)? limit",
    ),
    _codes("docs.anthropic.com/en/api/errors", (400, 403), "billing_error permission_error"),
    # Gemini and other Google services; the reasons are those of google.rpc.ErrorInfo.
    _codes(
        "github.com/googleapis/googleapis google/api/error_reason.proto; Wei-Shaw/sub2api#1709",
        (400, 403),
        "api_key_invalid consumer_suspended consumer_invalid billing_disabled service_disabled "
        "api_key_service_blocked api_key_http_referrer_blocked api_key_ip_address_blocked account_state_invalid",
    ),
    _message(
        "github.com/continuedev/continue#10902, #10513; Wei-Shaw/sub2api#1709",
        (400, 403),
        r"API key (not valid|not found|expired)\b|Permission denied: Consumer \S{1,200} has been suspended|"
        r"Your API key was reported as leaked",
    ),
    # Azure OpenAI.
    _message(
        "learn.microsoft.com/azure/foundry/openai/how-to/troubleshoot-errors",
        (403,),
        r"(Your|The|This) resource has been temporarily blocked",
    ),
    # Alibaba (DashScope, Model Studio).
    _codes(
        "help.aliyun.com/en/model-studio/error-code",
        (400, 403, 429),
        "arrearage invalidapikey accessdenied.unpurchased allocationquota.freetieronly",
    ),
    _message(
        "help.aliyun.com/en/model-studio/error-code",
        (400, 403),
        r"Access denied, please make sure your account is in good standing",
    ),
    # Zhipu and Z.AI: the account (1110 to 1121), an expired plan.
    _codes(
        "docs.bigmodel.cn/cn/api/api-code; docs.z.ai/api-reference/api-code",
        (400, 403, 429),
        "1110 1111 1112 1113 1121 1309",
    ),
    # Moonshot and Kimi.
    _codes("forum.moonshot.ai/t/244; github.com/666ghj/BettaFish#524", (403, 429), "exceeded_current_quota_error"),
    _message(
        "github.com/continuedev/continue#11443; kimi.com/code/docs/en/kimi-code/error-reference.html",
        (403, 429),
        r"Your account .{1,200}? is suspended|You've reached your usage limit for this billing cycle|"
        r"Access terminated",
    ),
    # MiniMax: in `base_resp`, or after the message, with any status.
    _codes(
        "platform.minimax.io/docs/api-reference/errorcode.md",
        (400, 403, 429, 500),
        "base_resp:1004 base_resp:1008 base_resp:2049 base_resp:2056",
    ),
    _message(
        "github.com/MiniMax-AI/MiniMax-M2#62, MiniMax-M2.7#36; nearai/ironclaw#1742",
        (400, 403, 429, 500),
        r"(insufficient balance|invalid api key|login fail\b.{0,200}|usage limit exceeded.{0,200}) ?"
        r"\((1004|1008|2049|2056)\)",
    ),
    # Volcengine (Doubao).
    _codes("volcengine.com/docs/82379/1299023", (400, 403), "accountoverdueerror authenticationerror"),
    # SiliconFlow, OpenRouter, Groq.
    _message("reports of SiliconFlow's users", (403,), r"Sorry, your account balance is insufficient"),
    _message("openrouter.ai/docs/api-reference/limits.md", (403,), r"Key limit exceeded"),
    _codes("github.com/songquanpeng/one-api#1764", (400, 403), "organization_restricted"),
)
# A code with one of these words concerns the key or the account, if the status is 403.
_FORBIDDEN = re.compile(
    r"api_?key|access_key|\bkey_|_key\b|quota|balance|billing|credit|account|payment|insufficient", re.IGNORECASE
)
_REGION = re.compile(
    r"User location is not supported|Country, region, or territory not supported|[^.]{0,80}\byour (region|country)\b",
    re.IGNORECASE,
)
# JSON can spell a letter so; a body of more bytes than this is not searched for it.
_ESCAPE = re.compile(rb"\\u00([2-7][0-9a-fA-F])")
_MAX_ESCAPED_BYTES = 1_000_000


def concerns_key(call: Call, error: UpstreamRefused) -> bool:
    """Whether the refusal concerns the key or its account, so that another key may get an answer."""
    codes = _codes_of(error.error)
    if regions.REFUSED in codes or (error.status not in _STATUSES and _REGION.match(error.message)):
        return False
    if error.status in _STATUSES or (error.status == 403 and any(_FORBIDDEN.search(code) for code in codes)):
        return True
    rows = [row for row in ROWS if error.status in row.statuses]
    if any(not row.codes.isdisjoint(codes) for row in rows):
        return True
    matches = [row.message.match(error.message) for row in rows if row.message]
    return any(match is not None and not _is_quoted(call, match[0]) for match in matches)


def _codes_of(error: dict[str, Any]) -> set[str]:
    """Return everything in an error that is a code, in lower case. None of it can quote the caller."""
    values = [error.get(name) for name in ("code", "type", "status")]
    if isinstance(error.get("details"), list):
        values += [detail.get("reason") for detail in error["details"] if isinstance(detail, dict)]
    if isinstance(error.get("base_resp"), dict):
        values.append(f"base_resp:{error['base_resp'].get('status_code')}")  # Zhipu has other meanings for some
    return {str(value).lower() for value in values if isinstance(value, (str, int))}


def _is_quoted(call: Call, message: str) -> bool:
    """Whether the caller sent these words: then the message may be an echo, and proves nothing."""
    if call.body.native is not None:
        return True
    wanted, body = message.lower().encode(), call.body.received
    if wanted in unquote(call.request.path).lower().encode():
        return True
    if b"\\u00" in body:
        if len(body) > _MAX_ESCAPED_BYTES:
            return True
        body = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), body)
    return wanted in body.lower()
