"""The contract: tokens and money, the same on every platform."""

from __future__ import annotations

import json

from tests.contract.parts import OK, local
from tests.support.case import CALLER, REWRITES, Ask, Case, Want
from tests.support.upstream import stream, whole

HI = b'{"model":"gpt-4o","messages":[]'
TEXT = b'data: {"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"Hi"}}]'
USAGE = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
ANSWER = b'{"model":"gpt-4o","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":2}}'
BESIDE = b'{"model":"gpt-4o","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":20}}'
EVERY = "gzip, deflate, br, zstd"  # a Worker's own fetch opens what it asks for
TALLY = "/v1/chat/completions/input_tokens"
METERED = (("METERING", "header"), ("ASSEMBLE", "off"))
CAPPED = (("MAX_OUTPUT_TOKENS", "100"), ("ASSEMBLE", "off"))

TOKENS = (
    Case(
        "metering asks for a stream's usage and takes it out again",
        Ask(body=HI + b',"stream":true}'),
        stream(TEXT + b',"usage":null}\n\n', USAGE, DONE),
        Want(
            200,
            TEXT + b"}\n\n" + DONE,
            up=lambda up: json.loads(up.body)["stream_options"] == {"include_usage": True},
        ),
        frozenset({REWRITES}),
        settings=METERED,
    ),
    Case(
        "metering tells a whole answer's cost",
        Ask(body=HI + b"}"),
        whole(ANSWER),
        Want(
            200,
            ANSWER,
            headers={"x-sluice-usage": "input=8; output=2; source=upstream", "x-sluice-cost-usd": "0.00004"},
        ),
        settings=METERED,
    ),
    Case(
        "metering takes out the chunk that it asked for, whatever its choices are",
        Ask(body=HI + b',"stream":true}'),
        stream(TEXT + b"}\n\n", USAGE.replace(b"[]", b"null"), DONE),
        Want(200, TEXT + b"}\n\n" + DONE),
        frozenset({REWRITES}),
        settings=METERED,
    ),
    Case(
        "metering pays for reasoning that is in the total alone",
        Ask(body=HI + b"}"),
        whole(BESIDE),
        Want(
            200,
            BESIDE,
            headers={"x-sluice-usage": "input=8; output=12; source=upstream", "x-sluice-cost-usd": "0.00014"},
        ),
        settings=METERED,
    ),
    Case(
        "metering asks for an encoding that it can open",
        Ask(body=HI + b"}", headers=(*CALLER, ("accept-encoding", EVERY))),
        whole(ANSWER),
        Want(200, ANSWER, up=lambda up: up.header("accept-encoding") != EVERY),
        settings=METERED,
    ),
    Case(
        "the owner's limit of an answer is put into the request",
        Ask(body=HI + b',"max_tokens":500, "seed":2.50}'),
        OK,
        Want(
            200,
            headers={"x-sluice-max-output-tokens": "100"},
            up=lambda up: up.body == HI + b',"max_tokens":100, "seed":2.50}',
        ),
        settings=CAPPED,
    ),
    local("what would slip past a limit", Ask(body=b"no JSON"), 400, "unreadable_body", CAPPED),
    local("counting needs a key", Ask(path=TALLY, headers=CALLER[1:]), 401, "missing_api_key"),
    local("counting wants a request", Ask(path=TALLY, body=b"[]"), 400, "unreadable_body"),
)
