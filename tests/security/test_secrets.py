"""Canaries in every place that holds a secret, through every adapter: none of them is written anywhere.

They are looked for as they are, and as JSON, base64, percent-encoding and Python would write them.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from proxy import startup
from proxy.adapters.aws_buffered import BufferedFunction
from proxy.adapters.scf_event import EventFunction
from proxy.errors import ConfigError
from tests.conftest import Serve
from tests.support.case import Ask
from tests.support.drivers import DRIVERS, EVERY_DRIVER, Driver, WorkersDriver
from tests.support.paths import ROOT
from tests.support.upstream import END, SSE_HEAD, Cut, Script, Upstream, chunk, whole
from tests.support.workers import Workers

KEY, PROXY, SERVER = "sk-kanarie-own", "kanarie.proxy", "sk-kanarie-server"
PROMPT, ANSWER = "kanariprompt金丝雀问", "kanarianswer金丝雀答"
SECRETS = (KEY, PROXY, SERVER, PROMPT, ANSWER)


def spellings(secret: str) -> set[bytes]:
    """How a secret could come out, cut where base64 would have it at another offset."""
    raw = secret.encode()
    encoded = {base64.b64encode(raw[start:])[: len(raw)].rstrip(b"=")[2:-4] for start in range(3)}
    told = {raw, quote(secret).encode(), json.dumps(secret)[1:-1].encode(), repr(raw)[2:-1].encode()}
    return told | encoded | {base64.urlsafe_b64encode(raw).rstrip(b"=")[:-2]}


ALL = {spelling for secret in SECRETS for spelling in spellings(secret)}


def leaks(written: bytes) -> list[bytes]:
    return sorted(spelling for spelling in ALL if spelling in written)


def event(text: str) -> bytes:
    return f"data: {json.dumps({'model': text, 'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n".encode()


SCRIPTS: tuple[Script, ...] = (
    whole(json.dumps({"model": ANSWER, "choices": [{"message": {"content": ANSWER}}]}).encode()),
    whole(json.dumps({"error": {"message": f"{KEY} {PROMPT}", "code": PROMPT}}, ensure_ascii=False).encode(), 401),
    whole(f"<html>{PROMPT} {SERVER}".encode(), 502, ("X-Request-Id", KEY), kind="text/html"),
    (SSE_HEAD, chunk(event(ANSWER)), chunk(b"data: [DONE]\n\n"), END),
    (SSE_HEAD, chunk(event(ANSWER)), Cut()),
    (SSE_HEAD, chunk(b"data: {" + ANSWER.encode() + b"\n\n"), chunk(b"\0" * 9 + PROMPT.encode()), END),
    (b"HTTP/1.1 200 " + ANSWER.encode() + b"\r\nX: \0" + KEY.encode() + b"\r\n\r\n", Cut()),
    (Cut(),),
)
SETTINGS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("LOG_LEVEL", "debug"), ("METERING", "header")),
    (("LOG_LEVEL", "debug"), ("OPENAI_API_KEY", SERVER), ("PROXY_KEY", PROXY), ("ASSEMBLE", "always")),
)
MESSAGES = [{"role": "user", "content": PROMPT}]
BODIES = (
    json.dumps({"model": "gpt-4o-mini", "stream": True, "messages": MESSAGES}).encode(),
    json.dumps({"model": PROMPT, "n": PROMPT, "messages": MESSAGES}, ensure_ascii=False).encode(),
    b'{"moderation":1,"moderation":"' + PROMPT.encode() + b'"',
)
PATHS = (
    "/v1/chat/completions",
    f"/{KEY}/v1/chat/completions",
    f"/v1/{KEY}/chat/completions",
    f"/v1/models?key={KEY}",
)
CREDENTIALS = (KEY, PROXY, f"{KEY}:{PROXY}", f"{SERVER}:{KEY}")


def asks() -> Iterator[Ask]:
    """Each path with each credential, the bodies in turn."""
    for number, (path, credential) in enumerate((path, one) for path in PATHS for one in CREDENTIALS):
        sent = (("Authorization", f"Bearer {credential}"), ("X-Key", KEY), ("Cookie", f"k={PROXY}"))
        yield Ask(path=path, headers=(*sent, ("Content-Type", "application/json")), body=BODIES[number % 3])


@pytest.mark.parametrize("name", EVERY_DRIVER)
def test_no_secret_is_written_by_any_adapter(
    name: str, request: pytest.FixtureRequest, upstream: Upstream, capfd: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        # The drivers of functions in this process throw their lines away; here they are what is looked at.
        for kind in (EventFunction, BufferedFunction):
            made = kind.__init__
            patch.setattr(kind, "__init__", lambda self, environ, write, made=made: made(self, environ, lines.append))
        servers: Serve = request.getfixturevalue("serve")
        started = []

        def serve(*args: object, **settings: str) -> object:
            started.append(servers(*args, **settings))
            return started[-1]

        driver: Driver
        if name.startswith("workers"):
            workers: Workers = request.getfixturevalue("workers")
            driver = WorkersDriver(workers, guarded=name == "workers-guarded")
            before = len(workers.printed())
        else:
            driver = DRIVERS[name](serve)  # type: ignore[arg-type]
        asked = 0
        for settings in SETTINGS:
            for position, ask in enumerate(asks()):
                for script in SCRIPTS if position in (0, 1, 2) else SCRIPTS[position % 8 : position % 8 + 1]:
                    upstream.play(script)
                    driver.ask(ask, (("OPENAI_BASE_URL", upstream.url), *settings))
                    asked += 1
        driver.close()
        if name.startswith("workers"):
            lines += workers.printed()[before:]
        for server in started:
            lines += server.raw_lines
    out, err = capfd.readouterr()
    written = "\n".join([*lines, out, err]).encode()
    # A line is written behind its answer: a function in a process of its own may have been stopped before the last.
    assert written.count(b'"duration_ms"') >= asked * 0.9, "the calls' lines are not here"
    assert not leaks(written)


def test_a_canary_is_found_however_it_is_written() -> None:
    """The test of the test."""
    for secret in SECRETS:
        raw = secret.encode()
        for written in (raw, json.dumps(secret).encode(), repr(raw).encode(), quote(secret).encode()):
            assert leaks(b"x" + written)
        for before in (b"", b"a", b"ab"):
            assert leaks(base64.b64encode(before + raw + b"tail")), (secret, before)


WRONG: tuple[dict[str, str], ...] = (
    {"OPENAI_API_KEY": f"{SERVER} {KEY}"},
    {"OPENAI_API_KEY": f"{SERVER}金"},
    {"PROXY_KEY": f"{PROXY}:{KEY}"},
    {"OPENAI_BASE_URL": f"https://user:{KEY}@api.example/v1"},
    {"OPENAI_BASE_URL": f"https://api.example/v1?key={KEY}"},
    {"TIMEOUT_SECONDS": KEY},
    {"SIGNING_SECRET": KEY, "MODERATION": KEY},
    {"ALLOW_ORIGINS": KEY},
    {"METERING": KEY},
    {"ACCESS": "pass-through", "OPENAI_API_KEY": SERVER},
)


@pytest.mark.parametrize("settings", WRONG, ids=lambda settings: next(iter(settings)))
def test_a_wrong_setting_is_told_without_its_value(settings: dict[str, str]) -> None:
    lines: list[str] = []
    function = EventFunction(settings, write=lines.append)
    answer = function({"httpMethod": "POST", "path": "/v1/chat/completions", "headers": {}}, None)
    function.close()
    with pytest.raises(ConfigError) as raised:
        startup.load(settings)
    assert answer["statusCode"] == 500 and len(lines) == 1
    assert not leaks("\n".join([*lines, answer["body"], str(raised.value), repr(raised.value)]).encode())


@pytest.mark.parametrize(
    "text", [f"openai_api_key = {SERVER}", f'proxy_key = "{PROXY}', f'openai_api_key = ["{SERVER}", {{}}]']
)
def test_a_settings_file_that_cannot_be_read_is_told_without_its_text(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        startup.load({}, text)
    assert not leaks(repr(raised.value).encode())


def test_a_process_that_cannot_start_prints_no_key() -> None:
    """A traceback would show more than a sentence does."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": f"{SERVER} x", "PROXY_KEY": f"{PROXY}:{KEY}"}
    for command in (["-m", "proxy", "serve", "--port", "0"], ["-m", "proxy", "doctor"]):
        done = subprocess.run(
            [sys.executable, *command], env=environ, cwd=ROOT, capture_output=True, timeout=60, check=False
        )
        assert done.returncode != 0
        assert not leaks(done.stdout + done.stderr)


def test_a_crash_of_our_own_is_told_without_what_was_being_handled(
    serve: Serve, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(f"{KEY} {PROMPT}")

    monkeypatch.setattr("proxy.routing.targets.choose", fail)
    lines: list[str] = []
    function = EventFunction({"OPENAI_BASE_URL": upstream.url}, write=lines.append)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        event = {"httpMethod": "POST", "path": "/v1/chat/completions", "headers": {"authorization": f"Bearer {KEY}"}}
        answer = function({**event, "body": PROMPT}, None)
    function.close()
    assert answer["statusCode"] == 500
    assert [json.loads(line).get("event") for line in lines] == ["crash", None]
    assert not leaks("\n".join([*lines, printed.getvalue(), answer["body"]]).encode())
