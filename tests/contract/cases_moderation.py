"""The contract: content moderation, the same on every platform."""

from __future__ import annotations

from tests.contract.parts import local
from tests.support.case import CALLER, CHAT, STREAMED, Ask, Case, Want
from tests.support.upstream import stream, whole

WORDS = (
    ("MODERATION", "words"),
    ("MODERATION_WORDS", "forbidden,禁词"),
    ("MODERATION_MESSAGE", "Withheld here."),
    ("ASSEMBLE", "off"),
)
ON_REQUEST = (*WORDS, ("MODERATION_OUTPUT", "0"))
API = (("MODERATION", "openai"), ("MODERATION_OPENAI_KEY", "sk-mod"), ("ASSEMBLE", "off"), ("ALLOW_ANONYMOUS", "1"))
FINE_JSON = '{"choices":[{"index":0,"message":{"content":"你好"}}]}'.encode()
BAD_JSON = b'{"choices":[{"index":0,"message":{"content":"a forbidden word"}}]}'
FINE, BAD = whole(FINE_JSON), whole(BAD_JSON)
BEFORE = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"Fine.\\n"}}]}\n\n'
BEHIND = 'data: {"id":"c","choices":[{"index":0,"delta":{"content":"这是禁"}}]}\n\n'.encode()
LAST = 'data: {"id":"c","choices":[{"index":0,"delta":{"content":"词。"}}]}\n\n'.encode()
DONE = b"data: [DONE]\n\n"
ENDING = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":0,"model":"","choices":[{"index":0,"delta":{"content":'
    b'"Withheld here."},"logprobs":null,"finish_reason":"content_filter"}]}\n\n'
)

MODERATION = (
    Case("a checked answer passes as it came", Ask(), FINE, Want(200, FINE_JSON), settings=WORDS),
    Case(
        "a flagged answer is replaced",
        Ask(),
        BAD,
        Want(200, says='"content": "Withheld here."', headers={"x-sluice-moderation": "output; blocked"}),
        settings=WORDS,
    ),
    Case(
        "a checked stream passes as it came",
        Ask(body=STREAMED),
        stream(BEFORE, BEHIND, DONE),
        Want(200, BEFORE + BEHIND + DONE),
        settings=WORDS,
    ),
    Case(
        "a flagged stream ends in front of it",
        Ask(body=STREAMED),
        stream(BEFORE, BEHIND, LAST, DONE),
        Want(200, BEFORE + ENDING + DONE),
        settings=WORDS,
    ),
    Case(
        "a caller asks for the check where the owner leaves it open",
        Ask(body=CHAT[:-1] + b',"moderation":true}'),
        BAD,
        Want(200, says="Withheld here.", up=lambda up: up.body == CHAT),
        settings=ON_REQUEST,
    ),
    Case(
        "who does not ask gets the answer as it came",
        Ask(),
        BAD,
        Want(200, BAD_JSON, headers={"x-sluice-moderation": None}),
        settings=ON_REQUEST,
    ),
    Case(
        "an answer that could not be checked is held back",
        Ask(),
        FINE,
        Want(502, code="moderation_unavailable", headers={"x-should-retry": "false"}),
        settings=API,
    ),
    Case(
        "or let through, where the owner says so",
        Ask(),
        FINE,
        Want(200, says="你好", headers={"x-sluice-moderation": "output; unchecked"}),
        settings=(*API, ("MODERATION_ON_ERROR", "open")),
    ),
    local(
        "a flagged prompt",
        Ask(body=b'{"messages":[{"role":"user","content":"forbidden"}]}', headers=CALLER),
        400,
        "content_filter",
        (*WORDS, ("MODERATION_INPUT", "1")),
    ),
)
