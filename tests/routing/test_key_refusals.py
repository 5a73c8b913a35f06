"""Refusals of the key or its account, in each provider's words: the next key answers, and the refused one rests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.messages import Request
from proxy.routing.key_refusals import ROWS
from tests.support.core import KEY, request
from tests.support.routing import SETTINGS, made, run
from tests.support.several import Does, Several

POOL = [{"name": "pool", "base_url": "https://pool.example/v1", "keys": ["dead", "good"]}]
ESCAPED = "\\u{:04x}".format
TYPED = (*KEY, ("content-type", "application/json"))


def openai(message: str, code: Any = None, kind: str | None = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def google(status: int, message: str, kind: str, reason: str | None = None) -> dict[str, Any]:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    return {"error": {"code": status, "message": message, "status": kind, "details": details}}


CONSUMER = "Permission denied: Consumer 'api_key:AIzaSyA-_x' has been suspended."
SPENT = "has either used all available credits or reached its monthly spending limit. To continue, buy credits."
# Bodies as the sources of the table have them, and as users have reported them.
DEAD: list[tuple[str, int, Any]] = [
    ("openai 401", 401, openai("Incorrect API key provided: sk-x.", "invalid_api_key")),
    ("openai 400", 400, openai("Incorrect API key provided: sk-abc***f. You can find your API key at …")),
    ("openai bare", 400, openai("Incorrect API key provided")),
    ("openai quota", 429, openai("You exceeded your current quota.", "insufficient_quota", "insufficient_quota")),
    ("openai inactive", 429, openai("Your account is not active.", "billing_not_active", "billing_not_active")),
    ("openai limit", 400, openai("Billing hard limit has been reached", "billing_hard_limit_reached")),
    ("openai banned", 400, openai("Your access was terminated.", "access_terminated")),
    ("openai gone", 403, openai("The account is deactivated.", "account_deactivated")),
    ("azure 401", 401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key."}}),
    ("azure blocked", 403, {"error": {"code": "403", "message": "Your resource has been temporarily blocked because"}}),
    ("anthropic credit", 400, anthropic("Your credit balance is too low to access the Anthropic API. Please go to …")),
    ("anthropic short", 400, anthropic("credit balance is too low")),
    ("anthropic limit", 400, anthropic("You have reached your specified API usage limits. You will regain access on")),
    ("anthropic workspace", 400, anthropic("You have reached your specified workspace API usage limits.")),
    ("anthropic disabled", 400, anthropic("This organization has been disabled.")),
    ("anthropic billing", 402, anthropic("Payment is due.", "billing_error")),
    ("anthropic permission", 403, anthropic("Your API key does not have permission.", "permission_error")),
    ("gemini 400", 400, google(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT")),
    ("gemini expired", 400, google(400, "API key expired. Please renew the API key.", "INVALID_ARGUMENT")),
    ("gemini reason", 400, google(400, "Not this one.", "INVALID_ARGUMENT", "API_KEY_INVALID")),
    ("gemini list", 400, [google(400, "API Key not found. Please pass a valid API key.", "INVALID_ARGUMENT")]),
    ("gemini suspended", 403, google(403, CONSUMER, "PERMISSION_DENIED", "CONSUMER_SUSPENDED")),
    ("gemini suspended, no reason", 403, google(403, CONSUMER, "PERMISSION_DENIED")),
    ("gemini leaked", 403, google(403, "Your API key was reported as leaked. Please use another", "PERMISSION_DENIED")),
    ("dashscope arrears", 400, {"code": "Arrearage", "message": "Access denied, please …", "request_id": "r"}),
    (
        "dashscope compatible",
        400,
        openai("Access denied, please make sure your account is in good standing.", "Arrearage"),
    ),
    (
        "dashscope message",
        400,
        openai("Access denied, please make sure your account is in good standing. See https://…"),
    ),
    ("dashscope unpurchased", 403, openai("Access to model denied.", "AccessDenied.Unpurchased")),
    ("dashscope free tier", 403, openai("The free tier is exhausted.", "AllocationQuota.FreeTierOnly")),
    ("deepseek", 402, openai("Insufficient Balance", "invalid_request_error", "unknown_error")),
    ("openrouter credits", 402, {"error": {"code": 402, "message": "Insufficient credits"}}),
    (
        "openrouter limit",
        403,
        {"error": {"code": 403, "message": "Key limit exceeded (total limit). Manage it using …"}},
    ),
    (
        "moonshot",
        429,
        {"error": {"type": "exceeded_current_quota_error", "message": "You exceeded your current quota"}},
    ),
    (
        "moonshot suspended",
        429,
        openai("Your account org-1 <ak-1> is suspended due to insufficient balance", None, None),
    ),
    ("kimi", 403, openai("You've reached your usage limit for this billing cycle.", None, None)),
    ("zhipu arrears", 429, {"error": {"code": "1113", "message": "您的账户已欠费，请充值后重试"}}),
    ("zhipu locked", 429, {"error": {"code": "1112", "message": "您的账户已被锁定，请联系客服解锁"}}),
    ("zhipu plan", 429, {"error": {"code": 1309, "message": "您的 GLM Coding Plan 套餐已到期"}}),
    ("minimax 500", 500, anthropic("insufficient balance (1008)", "api_error")),
    ("minimax base_resp", 400, {"base_resp": {"status_code": 2049, "status_msg": "invalid api key"}}),
    ("minimax login", 403, anthropic("login fail: Please carry the API secret key (1004)", "authorized_error")),
    ("minimax plan", 429, anthropic("usage limit exceeded, 5-hour usage limit reached (2056)", "rate_limit_error")),
    ("volcengine", 403, openai("Your account has an overdue balance.", "AccountOverdueError", "Forbidden")),
    ("siliconflow", 403, {"code": 30001, "message": "Sorry, your account balance is insufficient", "data": None}),
    ("groq", 400, openai("Organization has been restricted. Please reach out", "organization_restricted")),
    ("xai key", 400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***Q6."}),
    ("xai spent", 403, {"code": "The caller does not have permission", "error": f"Your team 16f2151a-40f4 {SPENT}"}),
    ("xai spent 429", 429, {"error": f"Your team c03b3526 {SPENT}"}),
    ("xai new", 403, {"error": "Your newly created team doesn't have any credits yet. You can purchase some"}),
    ("new-api", 403, openai("用户额度不足", "insufficient_user_quota", "new_api_error")),
]
# Every key would meet these: of the request, the model, the region, or nobody knows of what.
ALIVE: list[tuple[str, int, Any]] = [
    ("region", 403, openai("Country, region, or territory not supported", "unsupported_country_region_territory")),
    ("region 400", 400, google(400, "User location is not supported for the API use.", "FAILED_PRECONDITION")),
    ("region and account", 403, openai("This account cannot be used in your region.", "account_region")),
    ("anthropic region", 403, anthropic("Request not allowed", "forbidden")),
    ("request", 400, openai("Invalid value for temperature.", "invalid_value")),
    ("long", 400, openai("This model's maximum context length is 8192 tokens.", "context_length_exceeded")),
    ("quoted", 400, openai("Invalid prompt: 'Your credit balance is too low to access the Anthropic API.'")),
    ("quoted later", 400, anthropic("messages.0: API key not valid. Please pass a valid API key.")),
    ("quoted param", 400, {"error": {"message": "no", "type": "x", "param": "invalid_api_key", "code": "bad_param"}}),
    ("a word of it", 400, openai("Incorrect API keyboard layout", "bad")),
    ("minimax limit", 400, {"base_resp": {"status_code": 1113, "status_msg": "no code of theirs"}}),
    ("model", 404, openai("The model does not exist or you do not have access to it.", "model_not_found")),
    ("minimax input", 400, {"base_resp": {"status_code": 2013, "status_msg": "invalid params"}}),
    ("text", 400, "Incorrect weather"),
    ("details", 400, {"error": {"message": "x", "details": ["API_KEY_INVALID", {"reason": ["API_KEY_INVALID"]}]}}),
]


def meets(status: int, value: Any, body: bytes = b'{"model":"m"}', path: str = "chat/completions") -> tuple[int, bool]:
    """How many keys of a pool are tried where each is refused so, and whether the first of them rests for minutes."""
    text = value if isinstance(value, str) else json.dumps(value)
    kind = "text/plain" if isinstance(value, str) else "application/json"
    host = made()
    upstream = Several({"pool": Does(status, text.encode(), headers=(("content-type", kind),))})
    reply, _ = run(upstream, request(f"/v1/{path}", body, headers=TYPED), POOL, SETTINGS, host)
    assert reply.status == status
    return len(upstream.sent), host.resting.get(upstream.asked[0], 0.0) - host.clock.now() > 200


@pytest.mark.parametrize(("status", "value"), [row[1:] for row in DEAD], ids=[row[0] for row in DEAD])
def test_the_next_key_answers_and_the_refused_one_rests(status: int, value: Any) -> None:
    assert meets(status, value) == (2, True)


@pytest.mark.parametrize(("status", "value"), [row[1:] for row in ALIVE], ids=[row[0] for row in ALIVE])
def test_a_refusal_of_the_request_or_the_region_passes_and_no_key_rests(status: int, value: Any) -> None:
    assert meets(status, value) == (1, False)


def test_every_row_of_the_table_has_a_case() -> None:
    for row in ROWS:
        assert row.source and row.statuses
        seen = [
            name
            for name, status, value in DEAD
            if status in row.statuses
            and (
                any(f'"{code}"' in json.dumps(value).lower() or f": {code}," in json.dumps(value) for code in row.codes)
                or any(code.removeprefix("base_resp:") in json.dumps(value) for code in row.codes if ":" in code)
                or (row.message and row.message.match(message_of(value)))
            )
        ]
        assert seen, row


def message_of(value: Any) -> str:
    value = value[0] if isinstance(value, list) else value
    error = value.get("error", value)
    return str(error.get("message") if isinstance(error, dict) else error)


PHRASES = [message_of(value) for name, status, value in DEAD if status == 400 and name != "gemini reason"]


@pytest.mark.parametrize("phrase", ["Incorrect API key provided: x", "Your credit balance is too low", CONSUMER])
@pytest.mark.parametrize(
    "sent",
    [
        lambda phrase: json.dumps({"model": phrase}),
        lambda phrase: json.dumps({"model": "m", "messages": [{"role": "user", "content": f"Why: {phrase}?"}]}),
        lambda phrase: json.dumps({"model": "m", "user": phrase.upper()}),
        lambda phrase: f'{{"model":"m","user":"{"".join(ESCAPED(ord(letter)) for letter in phrase)}"}}',
    ],
    ids=["model", "prompt", "capitals", "escaped"],
)
def test_an_echo_of_what_the_caller_sent_proves_nothing(phrase: str, sent: Any) -> None:
    body = sent(phrase).encode()
    echo = openai(f"{phrase} is not a valid model ID")
    assert meets(403 if phrase == CONSUMER else 400, echo, body) == (1, False)


@given(st.text(max_size=40), st.sampled_from(PHRASES), st.text(max_size=40))
def test_no_text_of_a_caller_that_is_quoted_rests_a_key(before: str, phrase: str, after: str) -> None:
    said = before + phrase + after
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": said}]}).encode()
    for message in (said, f"Invalid value: {said}"):
        assert meets(400, openai(message), body) == (1, False)


def test_a_large_body_with_escapes_is_not_searched_for_them() -> None:
    body = json.dumps({"model": "m", "user": "\u00e4" * 200_000}).encode()
    assert b"\\u00" in body and len(body) > 1_000_000
    assert meets(400, openai("Incorrect API key provided"), body) == (1, False)
    assert meets(400, openai("x", "invalid_api_key"), body) == (2, True)


@pytest.mark.parametrize("status", [400, 402, 403])
def test_what_creates_something_is_not_asked_again_but_the_key_rests(status: int) -> None:
    assert meets(status, openai("Incorrect API key provided", "invalid_api_key"), path="batches") == (1, True)


def test_a_host_whose_key_has_no_credit_is_no_failing_host() -> None:
    pool = [POOL[0], {"name": "other", "base_url": "https://other.example/v1", "keys": "o", "priority": 1}]
    upstream = Several(
        {"pool/1": Does(500, json.dumps(anthropic("insufficient balance (1008)", "api_error")).encode())}
    )
    run(upstream, request(body=b'{"model":"m"}', headers=TYPED), pool, SETTINGS, made())
    assert upstream.asked == ["pool/1", "pool/2"]


def sent_with(incoming: Request, message: str) -> int:
    upstream = Several({"pool": Does(400, json.dumps(openai(message)).encode())})
    run(upstream, incoming, POOL, {**SETTINGS, "ALLOW_REFERENCES": "*"}, made())
    return len(upstream.sent)


def test_a_model_in_the_path_is_what_the_caller_sent_too() -> None:
    path = "/v1/models/Incorrect%20API%20key%20provided"
    assert sent_with(request(path, b"", method="GET"), "Incorrect API key provided does not exist") == 1
    assert sent_with(request("/v1/models/m", b"", method="GET"), "Incorrect API key provided") == 2


def test_a_body_that_passes_unread_may_hold_any_words() -> None:
    kind = ("content-type", "multipart/form-data; boundary=x")
    incoming = request("/v1/audio/transcriptions", b"", headers=(*KEY, kind))
    incoming.native = object()
    host, upstream = made(), Several({"pool": Does(400, json.dumps(openai("Incorrect API key provided")).encode())})
    run(upstream, incoming, POOL, {**SETTINGS, "ALLOW_REFERENCES": "*"}, host)
    assert upstream.sent[0].native is incoming.native and len(upstream.sent) == 1 and not host.resting
