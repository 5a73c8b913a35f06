"""Requests, and answers of upstreams, that are as expensive to look at as one caller or one upstream can make them.

Most are those of the attack round of 2026-11-26. The figures of docs/performance.md are made of them, and
tests/security/test_stalls.py shows that nobody waits for any.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

CHAT = "/v1/chat/completions"
PROXY_KEY = "5c1f9e0b7a6d48e2a3f47c90d1e8b652"  # made up for the benchmark
HELD = {"OPENAI_API_KEY": "sk-held-by-the-benchmark", "PROXY_KEY": PROXY_KEY}
# A checker of prompts alone, which looks at texts of any length.
CHECKED = {"MODERATION_INPUT": "on", "MODERATION_OUTPUT": "off", "MODERATION_MAX_CHARACTERS": "1000000000"}
MB = 1_000_000
_JSON = "application/json"
_BOUNDARY = "a-boundary-of-the-benchmark"


@dataclass(frozen=True)
class Kind:
    """One request, as `body` makes it, to a server with `settings`. In those {upstream} is the upstream's port.

    `statuses` are those that its answer may have. `counts`: tokens are counted, so a vocabulary has to be loaded once.
    """

    name: str
    body: Callable[[], bytes]
    settings: Mapping[str, str] = field(default_factory=dict)
    path: str = CHAT
    media_type: str = _JSON
    method: str = "POST"
    statuses: tuple[int, ...] = (200,)
    counts: bool = False

    @property
    def key(self) -> str:
        """What its callers send as their key."""
        return self.settings.get("PROXY_KEY", "sk-of-a-caller")

    def request(self) -> bytes:
        """The whole request. The connection ends with its answer."""
        body = self.body()
        more = "Connection: close\r\n"
        return head(self.method, self.path, self.key, len(body), media_type=self.media_type, more=more) + body


def head(method: str, path: str, key: str, length: int, *, media_type: str = _JSON, more: str = "") -> bytes:
    """A request's head; `more` are further lines, each with its line end."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Type: {media_type}\r\n"
        f"{more}Content-Length: {length}\r\n\r\n"
    ).encode()


def _chat(content: Any, model: str = "gpt-4o-mini", **more: Any) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": content}], **more}).encode()


def _image() -> bytes:
    url = "data:image/png;base64," + base64.b64encode(random.Random(1).randbytes(45 * MB)).decode()
    return _chat([{"type": "image_url", "image_url": {"url": url}}])


def _text(size: int, words: str = 'Water follows "the channel",\nand a gate decides when. ') -> Callable[[], bytes]:
    return lambda: _chat(words * (size // len(words.encode())))


def _lists() -> bytes:
    return b'{"model":"gpt-4o-mini","messages":[],"x":[' + b"[]," * (2 * MB) + b"[]]}"


def _completions() -> bytes:
    letters = random.Random(1)
    texts = ["".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=32_000)) for _ in range(240)]
    return json.dumps({"model": "gpt-3.5-turbo-instruct", "prompt": texts, "max_tokens": 1}).encode()


def _messages() -> bytes:
    one = {"role": "user", "content": "Open the gate."}
    return json.dumps({"model": "gpt-4o-mini", "messages": [one] * 150_000}).encode()


def _numbers() -> bytes:
    return json.dumps({"model": "text-embedding-3-small", "input": list(range(900_000))}).encode()


def _tool(schema: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "description": "d " * 60, "parameters": schema}}


def _doubling() -> bytes:
    """A schema of a few bytes a level, whose rendering doubles with each of its 40 levels."""
    defs: dict[str, Any] = {"a0": {"type": "string", "description": "x" * 100}}
    for level in range(1, 40):
        below = {"$ref": f"#/$defs/a{level - 1}"}
        defs[f"a{level}"] = {"anyOf": [below, below]}
    return _chat("Hi", tools=[_tool({"properties": {"a": {"$ref": "#/$defs/a39"}}, "$defs": defs})])


def _tools() -> bytes:
    schema = {"type": "object", "properties": {"a": {"type": "string", "description": "x " * 750}}}
    return _chat("Hi", tools=[_tool(schema)] * 128)


def _form() -> bytes:
    part = '--{}\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    front = part.format(_BOUNDARY, "model", "") + "whisper-1\r\n" + part.format(_BOUNDARY, "file", '; filename="a.wav"')
    return front.encode() + random.Random(1).randbytes(60 * MB) + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _upstreams() -> dict[str, str]:
    """Two upstreams, so that lists of models are put together here."""
    one = {"name": "one", "base_url": "http://127.0.0.1:{upstream}/v1", "keys": ["sk-one-of-two"], "models": ["gpt-*"]}
    two = {"name": "two", "base_url": "http://127.0.0.1:{upstream}/v1", "keys": ["sk-two-of-two"], "models": ["bench*"]}
    return {"UPSTREAMS": json.dumps([one, two]), "PROXY_KEY": PROXY_KEY}


def _alias() -> dict[str, str]:
    one = {"base_url": "http://127.0.0.1:{upstream}/v1", "keys": ["sk-one"], "aliases": {"gpt-4o-mini": "bench-1"}}
    return {"UPSTREAMS": json.dumps([{"name": "one", **one}]), "PROXY_KEY": PROXY_KEY}


_WORDS = {"MODERATION": "words", "MODERATION_WORDS": "forbidden,禁止", **CHECKED}
_OPENAI = {
    "MODERATION": "openai",
    "MODERATION_OPENAI_KEY": "sk-of-the-checker",
    "MODERATION_OPENAI_BASE_URL": "http://127.0.0.1:{upstream}/v1",
    **HELD,
    **CHECKED,
}
_TOKENS = f"{CHAT}/input_tokens"
_SPEECH = "/v1/audio/transcriptions"
_MULTIPART = f"multipart/form-data; boundary={_BOUNDARY}"
# What the upstream is to answer, it sees by the model's name.
USAGES, BLANKS, UNTOLD = "bench-usages", "bench-blanks", "bench-untold"

KINDS = (
    Kind("chat, one image of 60 MB, pass-through", _image),
    Kind("chat, one image of 60 MB, held key", _image, HELD),
    Kind("chat, 60 MB of text, pass-through", _text(60 * MB)),
    Kind("chat, 60 MB of text, held key", _text(60 * MB), HELD),
    Kind("`[[],[],…]`, 6 MB, pass-through", _lists),
    Kind("`[[],[],…]`, 6 MB, held key", _lists, HELD, statuses=(400,)),
    Kind("chat, 60 MB of text, another name for its model", _text(60 * MB), _alias()),
    Kind("chat, 150,000 messages, held key", _messages, HELD),
    Kind(
        "chat, 150,000 messages, `CONTEXT_GUARD=truncate`",
        _messages,
        {"CONTEXT_GUARD": "truncate"},
        statuses=(400,),
        counts=True,
    ),
    Kind("a model's name of 1 MB, pass-through", lambda: _chat("Hi", "m" * MB)),
    Kind("a model's name of 1 MB, held key", lambda: _chat("Hi", "m" * MB), HELD, statuses=(400,)),
    Kind(
        "completions, 240 texts of 32,000 letters, `MAX_COST_USD`",
        _completions,
        {"MAX_COST_USD": "0.01"},
        "/v1/completions",
        statuses=(400,),
        counts=True,
    ),
    Kind(
        "embeddings, 900,000 numbers, `MAX_COST_USD`",
        _numbers,
        {"MAX_COST_USD": "0.01"},
        "/v1/embeddings",
        statuses=(400,),
        counts=True,
    ),
    Kind("the first count of a process, `input_tokens`", lambda: _chat("Hi"), path=_TOKENS),
    Kind("`input_tokens`, a schema that doubles 40 times", _doubling, path=_TOKENS, counts=True),
    Kind("`input_tokens`, 128 tools of 1.7 kB", _tools, path=_TOKENS, counts=True),
    Kind("`MODERATION=words`, 5 MB of English", _text(5 * MB), _WORDS),
    Kind("`MODERATION=words`, 5 MB of Chinese", _text(5 * MB, "水流过闸门，何时放行由闸门决定。"), _WORDS),
    Kind("`MODERATION=openai`, 20 MB", _text(20 * MB), _OPENAI),
    Kind(
        "`METERING=on`, a stream of 4 MB that tells no usage",
        lambda: _chat("Hi", UNTOLD, stream=True),
        {"METERING": "on"},
        counts=True,
    ),
    Kind('an answer of 1 MB of `{"usage":`', lambda: _chat("Hi", USAGES)),
    Kind("an answer's header with 20 KB of blanks", lambda: _chat("Hi", BLANKS)),
    Kind("a list of models of 16 MB", lambda: b"", _upstreams(), "/v1/models", method="GET", statuses=(200, 502)),
    Kind("a form of 60 MB, pass-through", _form, path=_SPEECH, media_type=_MULTIPART),
    Kind("a form of 60 MB, held key", _form, HELD, _SPEECH, _MULTIPART),
)
