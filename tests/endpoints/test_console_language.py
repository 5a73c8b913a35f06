"""The console's language, also when it changes in the middle of an answer or beside an error."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import Serve
from tests.support.browser import fact, opened, say
from tests.support.console_streams import OWN_KEY, piece
from tests.support.upstream import SSE_HEAD, Cut, Upstream, Wait, chunk

pytestmark = pytest.mark.any_python("Chromium runs the page")


def test_the_language_can_change_in_the_middle_of_an_answer(browser: Browser, upstream: Upstream, serve: Serve) -> None:
    upstream.play(
        (
            SSE_HEAD,
            chunk(piece("openai", "```\nx\n```\n\nhalf ")),
            Wait(),
            chunk(piece("openai", "more")),
            Wait(),
            Cut(),
        )
    )
    with opened(browser, serve(**OWN_KEY).url) as visit:
        page = visit.page
        page.fill("#model", "gpt-5.4-mini")
        say(page, "hi")
        expect(page.locator(".assistant .body")).to_contain_text("half")
        page.click("#language")
        expect(page.locator("#stop")).to_have_text("停止")
        expect(page.locator(".assistant .copy")).to_have_text("复制")
        expect(page.locator(".user .who")).to_have_text("你")
        upstream.proceed()
        expect(page.locator(".assistant .body")).to_contain_text("half more")
        upstream.proceed()
        problem = page.locator(".failed")
        expect(problem).to_contain_text("回答不完整")
        expect(problem).to_contain_text("怎么办：重新发送。")
        expect(page.locator("#facts dt:text-is('结束状态') + dd")).to_have_text("失败")
        page.click("#language")
        expect(problem).to_contain_text("The answer is incomplete")
        expect(problem).to_contain_text("What to do: Send it again.")
        assert fact(page, "Ending") == "failed"
        expect(page.locator(".assistant .copy")).to_have_text("Copy")
        expect(page.locator(".assistant .body")).to_contain_text("half more")
        assert page.locator(".message").count() == 3
        visit.check(serve(**OWN_KEY).url)


def test_every_problem_follows_the_language(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        page.route("**/v1/**", lambda route: route.abort())
        page.click("#list-models")
        page.click("#tab-tokens")
        page.fill("#text", "one")
        page.fill("#priced", "demo")
        page.click("#count")
        places = [page.locator("#models-status"), page.locator("#prices td")]
        for place in places:
            expect(place).to_contain_text("The endpoint could not be reached.")
            expect(place).to_contain_text("What to do: Check your network")
        page.click("#language")
        for place in places:
            expect(place).to_contain_text("无法连接接口。")
            expect(place).to_contain_text("怎么办：检查网络")
        page.fill("#text", "")
        page.click("#count")
        expect(page.locator("#counted")).to_have_text("还没有可计算的内容。")
        page.click("#language")
        expect(page.locator("#counted")).to_have_text("Nothing to count yet.")
