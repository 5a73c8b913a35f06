"""The free call with which `init` tries a key: what it sends, what it says, and what can be done then."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.doctor import answer
from tests.support.init import KEY, Outcome, run
from tests.support.process import free_port
from tests.support.proxies import SOCKS, only_proxies
from tests.support.upstream import Received, Script, Upstream

MODELS = answer({"data": [{"id": "m"}]})
REFUSED = answer({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401)


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    only_proxies(monkeypatch, {})


@pytest.fixture
def picky(upstream: Upstream) -> Upstream:
    """A provider that only takes the key `right`."""

    def choose(call: Received) -> Script:
        return MODELS if call.header("authorization") == "Bearer right" else REFUSED

    upstream.choose = choose
    return upstream


def ask(folder: Path, url: str, answers: str, *arguments: str) -> Outcome:
    return run(folder, "--provider", "other", "--base-url", url, *arguments, answers=answers)


def test_a_key_that_works_is_called_with_once(tmp_path: Path, picky: Upstream) -> None:
    outcome = ask(tmp_path, picky.url, "right\n\n\n\n\n")
    assert outcome.code == 0 and "+ upstream default answered 200" in outcome.out
    (call,) = picky.received
    assert call.target == "/v1/models" and "costs nothing" in outcome.out


def test_a_refused_key_can_be_typed_again(tmp_path: Path, picky: Upstream) -> None:
    outcome = ask(tmp_path, picky.url, f"{KEY}\n\nright\n\n\n\n\n")
    assert "x upstream default refuses the server's key: HTTP 401, Incorrect API key provided: ***" in outcome.out
    assert outcome.code == 0 and outcome.env["OPENAI_API_KEY"] == "right" and KEY not in outcome.out


def test_a_refused_key_can_be_kept(tmp_path: Path, picky: Upstream) -> None:
    assert ask(tmp_path, picky.url, f"{KEY}\nkeep\n\n\n\n\n").env["OPENAI_API_KEY"] == KEY


def test_a_refused_key_can_end_it(tmp_path: Path, picky: Upstream) -> None:
    outcome = ask(tmp_path, picky.url, f"{KEY}\nstop\n")
    assert outcome.code == 130 and not outcome.wrote


def test_a_script_stops_at_a_refused_key(tmp_path: Path, picky: Upstream) -> None:
    outcome = ask(tmp_path, picky.url, f"{KEY}\n", "--yes", "--key", "-")
    assert outcome.code == 1 and "The key does not work from here." in outcome.err and not outcome.wrote
    assert ask(tmp_path, picky.url, "right\n", "--yes", "--key", "-").code == 0


def test_a_provider_that_refuses_the_region_is_quoted(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(answer({"error": {"message": "Country, region, or territory not supported"}}, 403))
    outcome = ask(tmp_path, upstream.url, f"{KEY}\nkeep\n\n\n\n\n")
    assert "HTTP 403, Country, region, or territory not supported" in outcome.out


def test_a_host_that_does_not_exist_is_named(tmp_path: Path) -> None:
    outcome = ask(tmp_path, "https://sluice.invalid/v1", f"{KEY}\nkeep\n\n\n\n\n")
    assert "DNS: cannot resolve sluice.invalid" in outcome.out


def test_nobody_at_the_address(tmp_path: Path) -> None:
    outcome = ask(tmp_path, f"http://127.0.0.1:{free_port()}/v1", f"{KEY}\nkeep\n\n\n\n\n")
    assert "TCP: no connection to 127.0.0.1" in outcome.out


def test_a_proxy_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_proxies(monkeypatch, {"ALL_PROXY": SOCKS})
    outcome = ask(tmp_path, "https://llm.example.com/v1", f"{KEY}\nkeep\n\n\n\n\n")
    assert "ALL_PROXY is socks5://127.0.0.1:7890" in outcome.out


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    outcome = ask(tmp_path, "https://llm.example.com/v1", f"{KEY}\nkeep\n\n\n\n\n")
    assert "x invalid setting: SSL_CERT_FILE" in outcome.out


def test_without_httpx_the_key_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    outcome = ask(tmp_path, "https://llm.example.com/v1", f"{KEY}\n\n\n\n\n")
    assert outcome.code == 0 and "The key was not tried" in outcome.out


def test_no_key_means_no_call(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(MODELS)
    assert ask(tmp_path, upstream.url, "\ny\n\n").code == 0 and not upstream.received
