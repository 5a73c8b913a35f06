"""EdgeOne's bundle as EdgeOne's own tool builds it, behind the runtime that the tool writes, and the page about it."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import startup
from proxy.platforms.limits import number
from tests.contract.cases import CASES
from tests.support import edgeone
from tests.support.bundles import Bundles
from tests.support.case import Ask, Case
from tests.support.client import Connection, Result, call
from tests.support.contract import keep
from tests.support.documents import blocks
from tests.support.drivers import EdgeOneDriver
from tests.support.edgeone import ADDED, passed_on, started
from tests.support.paths import ROOT
from tests.support.started import BundleDriver, Pairs, ends_with_its_caller, flows, port_of
from tests.support.talk import CHAT, KEY, event
from tests.support.upstream import CEILING, END, SSE_HEAD, Upstream, Wait, chunk, stream, whole

pytestmark = pytest.mark.any_python("EdgeOne's tool runs in Node, and what it makes under Python 3.10")
PAGES = ("docs/deploy-edgeone.md", "docs/deploy-edgeone.zh-CN.md")
# What the platform's proxy takes out again.
RUNTIMES_OWN = {"server", "eo-pages-inner-scf-status", "eo-pages-inner-status-intercept"}


@pytest.fixture(scope="module")
def project(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(bundles("edgeone") / "edgeone", tmp_path_factory.mktemp("home") / "edgeone")


@pytest.fixture(scope="module")
def built(project: Path) -> Path:
    """What the tool makes out of the bundle's folder."""
    return edgeone.build(project)


class BuiltDriver(BundleDriver):
    """Takes out of the answers what the runtime adds to them."""

    def ask(self, ask: Ask, settings: Pairs) -> Result:
        result = super().ask(ask, settings)
        result.headers = [pair for pair in result.headers if pair[0] not in RUNTIMES_OWN]
        return result


@pytest.fixture(scope="module")
def driver(built: Path) -> Iterator[BuiltDriver]:
    with contextlib.ExitStack() as stack:
        yield BuiltDriver(functools.partial(port_of, started, built, ACCESS=""), passed_on, stack)


@pytest.fixture(scope="module")
def function(driver: BuiltDriver, _upstream: Upstream) -> int:
    """The port of the function with nothing but an upstream and a mode set."""
    return driver.port((("OPENAI_BASE_URL", _upstream.url), ("ACCESS", "pass-through")))


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.needs <= EdgeOneDriver.can], ids=lambda case: case.name
)
def test_what_was_built_keeps_the_contract(case: Case, driver: BuiltDriver, upstream: Upstream) -> None:
    keep(case, driver.ask, upstream)


def test_the_tool_takes_one_file_for_a_function_and_every_path_leads_to_it(built: Path) -> None:
    """It reads all sources, and would take each that defines `app` or `handler`."""
    (route,) = edgeone.routes(built)
    assert (route["path"], route["file"], route["method"]) == ("/", "index.py", [])


def test_the_tool_installs_the_locked_versions(built: Path) -> None:
    locked = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    listed = (built / "requirements.txt").read_text().split()
    pinned = [version for version in listed if "==" in version]
    assert "certifi" in {version.partition("==")[0] for version in pinned} and len(pinned) > 4
    for version in pinned:
        assert f"{version} " in locked
        assert list(built.glob(f"{version.replace('==', '-').replace('typing-e', 'typing_e')}.dist-info")), version
    assert not {"httpx", "redis", "tiktoken"} & {path.name for path in built.iterdir()}


def test_what_was_built_streams_event_by_event(function: int, upstream: Upstream) -> None:
    flows(function, ADDED, upstream)


def test_the_answer_to_a_get_comes_in_one_piece(function: int, upstream: Upstream) -> None:
    """The runtime keeps it until it is complete, as the page says. Only streams of stored responses are such."""
    upstream.play((SSE_HEAD, chunk(event("a")), Wait(), chunk(event("b")), END))
    connection = Connection(function)
    connection.send("GET", "/v1/responses/resp_1?stream=true", (*KEY, *ADDED), b"")
    upstream.proceed()
    result = connection.head()
    assert [*connection.writes(result)] == [event("a") + event("b")]
    connection.close()


def test_a_caller_who_leaves_ends_the_call(function: int, upstream: Upstream) -> None:
    ends_with_its_caller(function, ADDED, upstream)


def test_a_get_that_finds_nothing_goes_up_once(function: int, upstream: Upstream) -> None:
    upstream.play(whole(b'{"error":{"message":"No such model."}}', 404))
    result = call(function, "GET", "/v1/models/x", (*KEY, *ADDED))
    assert result.status == 404 and b"No such model." in result.body and len(upstream.received) == 1


def test_the_platform_is_told_which_statuses_it_may_replace(function: int, upstream: Upstream) -> None:
    """Errors of 500 and above: callers may see EdgeOne's own page in place of Sluice's sentence, as the page says."""
    for status, intercept in ((200, "false"), (429, "false"), (502, "true")):
        upstream.play(whole(b"{}", status))
        result = call(function, "POST", "/v1/chat/completions", (*KEY, *ADDED), b"{}")
        assert (result.status, result.header("eo-pages-inner-status-intercept")) == (status, intercept)


def test_the_console_and_the_platform_s_name_are_in_the_bundle(function: int) -> None:
    page = call(function, "GET", "/").body
    assert b"/v1</code>" in page and b"edgeone" in page
    assert call(function, "GET", "/readyz", ADDED).json()["platform"] == "edgeone"


def test_pings_begin_before_the_gateway_s_patience_ends(built: Path, upstream: Upstream) -> None:
    """With a stand-in for the ten seconds, which are a variable like any other. The upstream sends not even a head."""
    set_here = dict(re.findall(r'setdefault\("(KEEPALIVE_\w+)", "(\d+)"\)', (built / "index.py").read_text("utf-8")))
    assert set_here == {"KEEPALIVE_FIRST_SECONDS": "10", "KEEPALIVE_SECONDS": "10"}
    upstream.play((Wait(), SSE_HEAD, chunk(event("x")), END))
    environ = {"OPENAI_BASE_URL": upstream.url, "ACCESS": "pass-through", "KEEPALIVE_FIRST_SECONDS": "0.1"}
    with started(built, **environ) as (_, port):
        connection = Connection(port)
        connection.send("POST", "/v1/chat/completions", (*KEY, *ADDED), CHAT)
        assert next(connection.writes(connection.head())).startswith(b":")
        connection.close()


def test_a_fresh_deployment_is_neither_open_nor_dead(built: Path, upstream: Upstream) -> None:
    with started(built, OPENAI_BASE_URL=upstream.url) as (_, port):
        for caller in (KEY, ()):
            error = call(port, "POST", "/v1/chat/completions", (*caller, *ADDED), CHAT).json()["error"]
            assert error["code"] == "configuration_error" and "PROXY_KEY" in error["message"]
    assert upstream.received == []


def test_with_its_keys_it_serves_its_callers_alone_and_its_log_has_no_secret(built: Path, upstream: Upstream) -> None:
    keys = {"OPENAI_API_KEY": "sk-server", "PROXY_KEY": "pk-0123456789abcdef"}
    upstream.play(stream(event("a secret answer"), b"data: [DONE]\n\n"))
    with started(built, OPENAI_BASE_URL=upstream.url, **keys) as (process, port):
        assert call(port, "POST", "/v1/chat/completions", (*KEY, *ADDED), CHAT).status == 401
        caller = (("Authorization", f"Bearer {keys['PROXY_KEY']}"), *KEY[1:], *ADDED)
        asked = CHAT.replace(b"[]", b'[{"role":"user","content":"a secret question"}]')
        assert call(port, "POST", "/v1/chat/completions?key=secret", caller, asked).status == 200
        process.terminate()
        process.wait(CEILING)
        assert process.stdout is not None
        printed = process.stdout.read().decode()
    assert "Pages request path: https://sluice.example.com/v1/chat/completions" in printed, "the runtime's own line"
    assert '"path": "/v1/chat/completions"' in printed
    assert not [word for word in ("secret", *keys.values(), "canary") if word in printed]
    assert upstream.received[0].header("authorization") == "Bearer sk-server"


def test_the_time_out_is_the_most_that_the_tool_takes_and_the_region_one_that_openai_serves(project: Path) -> None:
    file = project / "edgeone.json"
    settings = json.loads(file.read_text(encoding="utf-8"))["cloudFunctions"]
    longest = number("edgeone", "function", "longest time-out")
    assert settings == {"python": {"maxDuration": longest}, "overseasRegions": ["ap-singapore"]}
    assert "ap-singapore" in (edgeone.TOOL / "edgeone-dist" / "cli.js").read_text(encoding="utf-8")


def test_without_an_account_the_deployment_stops_after_the_build(project: Path) -> None:
    """The last step of the page, up to where an account is needed."""
    done = edgeone.run(project, "pages", "deploy", "-n", "sluice", "-a", "overseas")
    printed = done.stdout + done.stderr
    assert "Build completed" in printed and "edgeone login" in printed


def test_no_key_has_a_place_in_a_file() -> None:
    for name in ("edgeone/edgeone.json", "edgeone/cloud-functions/index.py"):
        assert not re.search(r"API_KEY|_SECRET|_TOKEN|\bsk-", (ROOT / name).read_text(encoding="utf-8")), name


def test_what_the_page_sets_is_neither_open_nor_dead() -> None:
    for name in PAGES:
        lines = "".join(blocks(name, "sh")).splitlines()
        names = [line.split()[5] for line in lines if line.startswith("npx edgeone pages env set")]
        assert names == ["OPENAI_API_KEY", "PROXY_KEY"]
        assert (
            startup.load({"ACCESS": "proxy-key", **dict.fromkeys(names, "made-up-0123456789")}).access_mode
            == "proxy-key"
        )
