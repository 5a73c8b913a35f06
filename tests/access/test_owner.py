"""Who may see the owner's pages: ADMIN_KEY, or a program on this very machine that asks for itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from proxy import startup
from proxy.access import owner
from proxy.errors import ProxyError
from proxy.messages import Headers, Request

ADMIN = "an-admin-key-of-the-owner"
HOST = ("host", "127.0.0.1:9000")


def asked(peer: str | None, *headers: tuple[str, str]) -> Request:
    return Request("GET", "/metrics", "", Headers(headers), peer=peer)


def refusal(request: Request, **settings: str) -> tuple[int, str] | None:
    try:
        owner.admit(request, startup.load(settings))
    except ProxyError as error:
        return error.status, error.message
    return None


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9000", "LOCALHOST", "[::1]:9000", "127.8.9.1:1"])
def test_a_program_on_this_machine_may(peer: str, host: str) -> None:
    assert owner.is_local(asked(peer, ("host", host)))


@pytest.mark.parametrize(
    "peer",
    [None, "", "testclient", "10.0.0.1", "::2", "::ffff:10.0.0.1", "128.0.0.1", "127.0.0.1, 10.0.0.1"],
)
def test_nobody_else_s_address_is_taken_for_it(peer: str | None) -> None:
    assert not owner.is_local(asked(peer, HOST))


@pytest.mark.parametrize(
    "name",
    [
        *("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "x-client-ip"),
        *("cf-ray", "cf-connecting-ip", "cdn-loop", "true-client-ip", "x-amzn-trace-id", "x-envoy-attempt-count"),
        *("origin", "x-original-forwarded-for", "l5d-client-id", "x-vercel-id"),
    ],
)
def test_what_a_proxy_or_a_web_page_passes_on_is_not_local(name: str) -> None:
    for value in ("127.0.0.1", "", "http://127.0.0.1:9000"):
        assert not owner.is_local(asked("127.0.0.1", HOST, (name, value)))


@pytest.mark.parametrize(("site", "may"), [("cross-site", 0), ("same-site", 0), ("same-origin", 1), ("none", 1)])
def test_a_browser_says_whose_page_asks(site: str, may: int) -> None:
    assert owner.is_local(asked("127.0.0.1", HOST, ("sec-fetch-site", site))) == bool(may)


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "127.0.0.1@evil.example", "", "0.0.0.0:9000"]
)
def test_another_name_that_leads_here_is_refused(host: str) -> None:
    assert not owner.is_local(asked("127.0.0.1", ("host", host)))
    assert not owner.is_local(asked("127.0.0.1"))


@given(some.text(max_size=40))
def test_any_other_host_is_refused(host: str) -> None:
    is_known = host.lower().partition(":")[0] in ("localhost", "127.0.0.1") or host.startswith(("127.", "["))
    assert is_known or not owner.is_local(asked("127.0.0.1", ("host", host)))


def test_the_admin_key_opens_from_everywhere() -> None:
    key = ("authorization", f"Bearer {ADMIN}")
    proxied = asked("10.0.0.1", ("host", "llm.example.com"), ("x-forwarded-for", "1.2.3.4"), key)
    assert refusal(proxied, ADMIN_KEY=ADMIN) is None


def test_each_refusal_says_what_to_send() -> None:
    status, message = refusal(asked("10.0.0.1", HOST)) or (0, "")
    assert status == 403 and "ADMIN_KEY" in message and "127.0.0.1" in message
    status, message = refusal(asked("10.0.0.1", HOST), ADMIN_KEY=ADMIN) or (0, "")
    assert status == 401 and message.startswith("No key was sent. ")
    wrong = asked("10.0.0.1", HOST, ("authorization", "Bearer guessed"))
    status, message = refusal(wrong, ADMIN_KEY=ADMIN) or (0, "")
    assert status == 401 and message.startswith("The key that was sent is not ADMIN_KEY. ") and "guessed" not in message
    assert (refusal(wrong) or (0, ""))[0] == 403
