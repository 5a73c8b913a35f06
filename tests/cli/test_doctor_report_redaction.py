"""Whatever an endpoint answers, a report that is shared holds nothing of a key, of the address or of the answers."""

from __future__ import annotations

import json
import re
import socket
import ssl
from datetime import date
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.cli.doctor import chat, extras, messages_en, remote, shareable
from proxy.cli.doctor.keys import Keys
from proxy.cli.doctor.shareable import Scope
from proxy.platforms.registry import FUNCTIONS
from tests.support.doctor import new_report
from tests.support.talk import event
from tests.support.upstream import END, SSE_HEAD, Received, Script, Upstream, chunk, whole

DAY = date(2026, 11, 27)
KEY = "sk-canary-3f9c1b-of-a-caller"
HOST = "canary-host.example.com"
ANSWER = "canary-answer 一二三"
# What no report may hold, and what could be mistaken for something of ours.
SECRETS = (KEY, HOST, ANSWER, "10.20.30.40", "fd00::1:2", "8613800138000", f"| {HOST} |\n| x | y |", f"`{KEY}`")
ALMOST = ("1.2.3.4", "aws-lambda-stream ", "server", "HTTP 200", "HTTP 999", "time-out is 86138001 s", "", "\x1b[2J")
TEXTS = st.one_of(st.sampled_from(SECRETS + ALMOST), st.text(max_size=30).map(lambda text: f"{text}{KEY}{HOST}"))
VALUES = st.one_of(
    TEXTS, st.integers(), st.floats(allow_nan=False), st.booleans(), st.none(), st.lists(TEXTS, max_size=2)
)
NUMBER = re.compile(r"-?\d{1,10}(\.\d)?")
# Every value that any finding has, by name; gaps are measured here and are no texts.
NAMES = sorted({name for texts in messages_en.TEXTS.values() for name in re.findall(r"\{(\w+)", "".join(texts[1:]))})


def words(text: str) -> set[str]:
    return set(re.split(r"[\s,`()]+", text))


def everything() -> set[str]:
    """The words of the reports on each code alone, from each platform and kind of address; all values are 1."""
    found: set[str] = set()
    values = {**dict.fromkeys(NAMES, 1), "version": "0.0.0", "gaps_ms": [1.0]}
    hosts = ("llm.test", "127.0.0.1", "abc.execute-api.eu-west-1.amazonaws.com", "abc.lambda-url.eu-west-1.on.aws")
    for function, host in product((*FUNCTIONS, "?"), hosts):
        for code in messages_en.TEXTS:
            report = new_report()
            report.add(code, **{**values, "platform": function})
            found |= words(shareable.markdown(report, Scope(f"https://{host}", DAY, sizes=True)))
    return found | words(shareable.markdown(new_report(), Scope("https://llm.test", DAY)))


VOCABULARY = everything() | {"over", "under"}  # these stand before numbers that are too large to be true


def strangers(text: str) -> set[str]:
    """The words of a report that are neither its own nor short numbers."""
    return {word for word in words(text) - VOCABULARY if not NUMBER.fullmatch(word)}


@settings(max_examples=100)
@given(st.data())
def test_no_text_of_a_finding_is_repeated(data: st.DataObject) -> None:
    report = new_report()
    for code in data.draw(st.lists(st.sampled_from(sorted(messages_en.TEXTS)), max_size=12)):
        values: dict[str, Any] = {name: data.draw(VALUES) for name in NAMES}
        report.add(code, **values, gaps_ms=[1.0, 2.5], addresses=[HOST], local_port=KEY)
    root = f"https://{HOST}/{KEY}"
    text = shareable.markdown(report, Scope(root, DAY, sizes=data.draw(st.booleans())))
    assert strangers(text) == set()
    shown = shareable.markdown(report, Scope(root, DAY, with_host=True))
    assert strangers(shown) == {"host", HOST} - VOCABULARY


FIELDS = ("location", "server", "x-sluice-truncated", "x-sluice-buffered", "openai-version", "date", "via", KEY[:12])
LINES = st.sampled_from([text for text in SECRETS + ALMOST if text.isascii() and text.isprintable() and text])
JSON = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("data", "id", "code", "error", "message", "choices", "content")), inner)
    ),
    max_leaves=6,
)
READY = st.fixed_dictionaries(
    {
        "platform": TEXTS | st.sampled_from(sorted(FUNCTIONS)),
        "version": TEXTS,
        "warnings": st.lists(TEXTS, max_size=3),
        "access": st.sampled_from(("own-key", "proxy-key", "open", "closed")) | TEXTS,
    },
    optional={"streams": st.booleans()},
)
ERROR = st.fixed_dictionaries({"error": st.fixed_dictionaries({"message": TEXTS, "code": TEXTS})})
LIST = st.fixed_dictionaries(
    {"data": st.lists(st.fixed_dictionaries({"id": TEXTS, "shutdown_date": TEXTS}), max_size=3)}
)
CHOICES = st.just({"choices": [{"message": {"content": ANSWER}}]})
STATUSES = st.sampled_from((200, 302, 400, 401, 403, 404, 413, 429, 500, 503))


@st.composite
def replies(draw: Any, likely: st.SearchStrategy[Any] | None = None) -> Script:
    """One response. Mostly what a working endpoint answers, where `likely` says what that is; else anything."""
    fields = tuple((name, draw(LINES)) for name in draw(st.lists(st.sampled_from(FIELDS), max_size=3, unique=True)))
    if likely is not None and draw(st.integers(0, 4)):
        return whole(json.dumps(draw(likely)).encode(), 200, *fields)
    body = draw(READY | ERROR | LIST | CHOICES | JSON)
    text = json.dumps(body) if draw(st.booleans()) else f"<p>{body}</p>"
    return whole(text.encode("utf-8", "replace"), draw(STATUSES), *fields)


@st.composite
def streams(draw: Any) -> Script:
    """Events, with an error among them or without an end."""
    events = [event(ANSWER) for _ in range(draw(st.integers(0, 6)))]
    error = [b"data: " + json.dumps(draw(ERROR)).encode() + b"\n\n"] if not draw(st.integers(0, 3)) else []
    end = [b"data: [DONE]\n\n"] if draw(st.integers(0, 3)) else []
    return (SSE_HEAD, *map(chunk, [*events, *error, *end]), END)


PAGES = st.fixed_dictionaries(
    {
        "/readyz": replies(READY),
        "/v1/models": replies(LIST),
        "/v1/chat/completions": replies(CHOICES),
        "streamed": streams() | replies(),
        "/status.json": replies(st.fixed_dictionaries({"status": st.fixed_dictionaries({"description": TEXTS})})),
        "": replies(),
    }
)


@pytest.fixture
def address(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> str:
    """The base URL of the scripted upstream under a host name of its own, with a key in the path."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: resolve("127.0.0.1" if host == HOST else host, *rest, **more)
    )
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(extras, "STATUS_URL", f"http://127.0.0.1:{upstream.port}/status.json")
    return f"http://{HOST}:{upstream.port}/{KEY}"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(pages=PAGES, size=st.booleans())
def test_no_answer_of_an_endpoint_gets_into_its_report(
    pages: dict[str, Script], size: bool, upstream: Upstream, address: str
) -> None:
    def respond(received: Received) -> Script:
        path = received.target.partition("?")[0]
        if b'"stream":true' in received.body.replace(b" ", b""):
            return pages["streamed"]
        return next(page for place, page in pages.items() if path.endswith(place))

    upstream.choose = respond
    report = new_report()
    remote.examine(remote.Probe(address, Keys(KEY, "a test"), size=size), report, ssl.create_default_context())
    text = shareable.markdown(report, Scope(address, DAY, sizes=size))
    assert len(report.findings) > 3 and strangers(text) == set()
    for secret in (*SECRETS, chat.PROMPT, "canary", f":{upstream.port}", "127.0.0.1"):
        assert secret not in text
