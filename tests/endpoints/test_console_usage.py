"""The console's tab Usage in real Chromium: what the plot shows is what the table says, for a key and for the owner."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize, expect

from proxy.call import Grant
from tests.conftest import Serve
from tests.support.browser import axe, open_tab, opened
from tests.support.spending import ADMIN_KEY, BUDGET, DAY, HELD, Spent, filled, key

pytestmark = pytest.mark.any_python("Chromium runs the page")
PHONE, DESKTOP = ViewportSize(width=360, height=780), ViewportSize(width=1000, height=900)
NOW = time.time()  # a day may end while these tests run, so none of them depends on that
LATER = int(NOW + 30 * DAY)
ALICE = key(expires=LATER, grant=BUDGET._replace(period="total"))
MODELS = [f"model-{number}" for number in range(7)]
BOOKED = (
    *(Spent("alice", 10_000_001 * (number + 1), model, ago=min(number, 5)) for number, model in enumerate(MODELS)),
    Spent("alice", 700, "model-0", ago=1),
    Spent("alice", 1_000_000_000, "model-0", ago=60),
    Spent("bob", 3_000_000_000, "a-model-with-a-long-name/and-a-provider-before-it-2026-11-27"),
    Spent("<b>carol</b>", 20, "model-1", ago=2),
)
# Of the last 30 days: 7 models, and 700 more. 10_000_001 * 28 + 700 nano-dollars.
ALICE_TOTAL = Decimal("0.280000728")


@pytest.fixture(scope="module")
def url(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("store") / "budgets.db"
    return serve(**HELD, **filled(path, BOOKED, NOW, revoked="bob", expires=LATER)).url


def ask(page: Page, sent: str) -> None:
    open_tab(page, "usage")
    page.fill("#usage-key", sent)
    page.click("#show-usage")
    expect(page.locator("#spending svg")).to_be_visible()


def amount(text: str) -> Decimal:
    return Decimal(text.rpartition("$")[2])


def plotted(page: Page) -> Decimal:
    """What the bars add up to, by their titles."""
    return sum((amount(text) for text in page.locator("#spending rect title").all_text_contents()), Decimal())


def listed(page: Page) -> Decimal:
    """What the rows of the table add up to."""
    cells = page.locator("#spending tbody td:last-child").all_inner_texts()
    return sum((amount(text) for text in cells), Decimal())


def fact(page: Page, name: str) -> str:
    return page.locator(f"#spent dt:text-is('{name}') + dd").first.inner_text()


def heights(page: Page) -> list[float]:
    """The heights of the bars of each day, from the left."""
    script = "rects => rects.map((rect) => [Number(rect.getAttribute('x')), Number(rect.getAttribute('height'))])"
    found: dict[float, float] = {}
    for x, height in page.locator("#spending rect").evaluate_all(script):
        found[x] = found.get(x, 0) + height
    return [found[x] for x in sorted(found)]


def test_a_key_s_plot_and_table_show_the_same_sums(browser: Browser, url: str) -> None:
    with opened(browser, url) as visit:
        page = visit.page
        ask(page, ALICE)
        assert plotted(page) == listed(page) == ALICE_TOTAL
        assert amount(page.locator("#spending tfoot td").last.inner_text()) == ALICE_TOTAL
        assert fact(page, "Cost") == "$0.280000728" and fact(page, "Calls") == "8"
        assert fact(page, "Key") == "alice" and fact(page, "Budget") == "$5 in total"
        assert fact(page, "Spent in this period") == "$1.280000728" and fact(page, "Left") == "$3.719999272"
        assert fact(page, "Requests a minute") == "20" and fact(page, "Calls at a time") == "2"
        expect(page.locator("#spent progress")).to_have_attribute(
            "aria-label", "26 % of the budget is spent or reserved"
        )
        # Of seven models the plot names five; the rest is one series, in the legend too.
        assert page.locator("#spending .legend li").all_inner_texts() == [*reversed(MODELS[2:]), "all others"]
        expect(page.locator("#spending desc")).to_contain_text("$0.280000728 in total")
        expect(page.locator("#spending svg")).to_have_attribute("role", "img")
        assert [round(height, 1) for height in heights(page)] == [
            round(154 * part / 13, 1) for part in (13, 5, 4, 3, 2, 1)
        ]
        first = page.locator("#spending tbody tr").first
        expect(first.locator("th")).to_have_text(time.strftime("%Y-%m-%d", time.gmtime(NOW)))
        visit.check(url)


def test_the_days_can_be_chosen(browser: Browser, url: str) -> None:
    with opened(browser, url) as visit:
        page = visit.page
        open_tab(page, "usage")
        expect(page.locator("#days [aria-pressed=true]")).to_have_text("30 days")
        page.click("#days button:text-is('7 days')")
        assert not any("sluice/usage" in request for request in visit.requests)  # nothing was asked yet
        page.fill("#usage-key", ALICE)
        page.press("#usage-key", "Enter")
        expect(page.locator("#spending tfoot td").last).to_have_text("$0.280000728")
        page.click("#days button:text-is('90 days')")
        expect(page.locator("#spending tfoot td").last).to_have_text("$1.280000728")
        assert plotted(page) == listed(page) == Decimal("1.280000728")
        visit.check(url)


def test_an_answer_that_comes_late_does_not_replace_a_newer_one(browser: Browser, url: str) -> None:
    with opened(browser, url) as visit:
        page = visit.page
        held: list[Route] = []
        ask(page, ALICE)
        page.route("**/sluice/usage*", lambda route: held.extend([route]), times=1)
        page.click("#days button:text-is('7 days')")
        expect(page.locator("#usage-status")).to_have_text("Loading …")
        page.click("#days button:text-is('90 days')")
        expect(page.locator("#spending tfoot td").last).to_have_text("$1.280000728")
        with page.expect_request_finished(lambda request: request.url == held[0].request.url):
            held[0].continue_()
        page.evaluate("fetch('/healthz').then((response) => response.json())")  # what had arrived has been read by now
        expect(page.locator("#spending tfoot td").last).to_have_text("$1.280000728")


def test_the_other_language_has_the_same_figures(browser: Browser, url: str) -> None:
    with opened(browser, url, locale="zh-CN") as visit:
        page = visit.page
        ask(page, ALICE)
        expect(page.locator("#tab-usage")).to_have_text("用量")
        expect(page.locator("#spending caption")).to_have_text("按日期和模型的花费")
        assert fact(page, "剩余") == "$3.719999272" and plotted(page) == ALICE_TOTAL
        asked = len(visit.requests)
        page.click("#language")
        expect(page.locator("#spending caption")).to_have_text("Spent by day and model")
        assert fact(page, "Left") == "$3.719999272" and plotted(page) == listed(page) == ALICE_TOTAL
        assert len(visit.requests) == asked  # what has arrived is shown again
        visit.check(url)


def test_the_owner_sees_every_key_and_what_became_of_it(browser: Browser, url: str) -> None:
    with opened(browser, url) as visit:
        page = visit.page
        ask(page, ADMIN_KEY)
        rows = [row.locator("th,td").all_inner_texts() for row in page.locator("#keys tbody tr").all()]
        assert [(row[0], row[1], row[-1]) for row in rows] == [
            ("bob", "revoked", "$3"),
            ("alice", "active", "$0.280000728"),
            ("<b>carol</b>", "active", "$0.00000002"),
        ]
        assert plotted(page) == listed(page) == ALICE_TOTAL + 3 + Decimal("0.00000002")
        assert page.locator("#spending .legend li").all_inner_texts() == ["bob", "alice", "<b>carol</b>"]
        expect(page.locator("#spent progress")).to_have_count(0)
        visit.check(url)


def test_the_owner_s_key_is_kept_nowhere(browser: Browser, url: str) -> None:
    with opened(browser, url) as visit:
        page = visit.page
        page.check("#remember")
        ask(page, ADMIN_KEY)
        stored = page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
        )
        assert ADMIN_KEY not in stored
        page.reload()
        open_tab(page, "usage")
        assert page.input_value("#usage-key") == "" and page.input_value("#key") == ""


def test_an_empty_field_asks_with_the_key_of_the_first_tab(browser: Browser, url: str) -> None:
    with opened(browser, url) as visit:
        page = visit.page
        page.fill("#key", ALICE)
        ask(page, "")
        assert fact(page, "Key") == "alice"


def test_a_failed_load_shows_the_sentence(browser: Browser, url: str) -> None:
    with opened(browser, url) as visit:
        page, status = visit.page, visit.page.locator("#usage-status")
        ask(page, ALICE)
        page.fill("#usage-key", "sk-wrong")
        page.click("#show-usage")
        expect(status).to_contain_text("The key that was sent is not one of this endpoint's.")
        expect(status).to_contain_text("(401)")
        expect(page.locator("#spent")).to_be_empty()  # nobody's figures stay next to an error
        page.fill("#usage-key", "密钥")
        page.click("#show-usage")
        expect(status).to_contain_text("characters that are not allowed")
        page.fill("#usage-key", ALICE)
        page.route("**/sluice/usage*", lambda route: route.fulfill(body="<html>"), times=1)
        page.click("#show-usage")
        expect(status).to_contain_text("not JSON")
        page.route("**/sluice/usage*", lambda route: route.abort(), times=1)
        page.click("#show-usage")
        expect(status).to_contain_text("could not be reached")
        expect(status).to_contain_text("What to do: Check your network")
        page.click("#language")
        expect(status).to_contain_text("怎么办：检查网络")


def test_days_without_spending_and_keys_without_a_budget(browser: Browser, url: str) -> None:
    with opened(browser, url) as visit:
        page = visit.page
        open_tab(page, "usage")
        page.fill("#usage-key", key("newcomer", Grant(), LATER))
        page.click("#show-usage")
        expect(page.locator("#spending")).to_contain_text("Nothing was spent in these days.")
        assert fact(page, "Budget") == "no limit" and fact(page, "Cost") == "$0"
        expect(page.locator("#spending svg")).to_have_count(0)
        expect(page.locator("#spent progress")).to_have_count(0)


def test_what_is_left_out_is_said(browser: Browser, url: str) -> None:
    with opened(browser, url) as visit:
        page = visit.page

        def shorten(route: Route) -> None:
            response = route.fetch()
            route.fulfill(response=response, json={**response.json(), "rows_left_out": 1_234, "keys_left_out": 5})

        page.route("**/sluice/usage*", shorten)
        ask(page, ADMIN_KEY)
        expect(page.locator("#spending .hint")).to_contain_text("1,234 older rows are not shown")
        expect(page.locator("#keys")).to_contain_text("5 more keys, which spent least, are not shown.")


@pytest.mark.parametrize("sent", [ALICE, ADMIN_KEY], ids=["key", "owner"])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_axe_finds_nothing(browser: Browser, url: str, locale: str, sent: str) -> None:
    with opened(browser, url, locale=locale) as visit:
        page = visit.page
        for size in (DESKTOP, PHONE):
            page.set_viewport_size(size)
            ask(page, sent)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert axe(page) == [], (size, scheme)


def test_dark_mode_has_colours_of_its_own(browser: Browser, url: str) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        with opened(browser, url, color_scheme=scheme) as visit:
            ask(visit.page, ALICE)
            script = "rects => [...new Set(rects.map((rect) => getComputedStyle(rect).fill))]"
            colours[scheme] = visit.page.locator("#spending rect").evaluate_all(script)
    assert len(colours["light"]) == len(colours["dark"]) == 6
    assert not set(colours["light"]) & set(colours["dark"])


@pytest.mark.parametrize("sent", [ALICE, ADMIN_KEY], ids=["key", "owner"])
@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_a_phone_never_scrolls_sideways(browser: Browser, url: str, locale: str, sent: str) -> None:
    with opened(browser, url, viewport=PHONE, locale=locale) as visit:
        page = visit.page
        ask(page, sent)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        box = page.locator("#spending svg").bounding_box()
        assert box is not None and box["width"] <= PHONE["width"]


def test_the_keyboard_is_enough(browser: Browser, url: str) -> None:
    with opened(browser, url) as visit:
        page = visit.page
        page.focus("#tab-try")
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        expect(page.locator("#usage")).to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.type(ALICE)
        for name in ("7", "30", "90"):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.dataset.days") == name
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#spending tfoot td").last).to_have_text("$1.280000728")
        page.keyboard.press("Tab")  # the table can be scrolled
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Spent by day and model"


def test_without_a_store_there_is_no_tab(browser: Browser, serve: Serve) -> None:
    with opened(browser, serve(DEMO="1").url, "/#usage") as visit:
        expect(visit.page.locator("#tab-usage")).to_be_hidden()
        expect(visit.page.locator("#try")).to_be_visible()


def test_a_gateway_s_stage_is_part_of_the_call(browser: Browser, url: str) -> None:
    with opened(browser, url, "/release/") as visit:
        ask(visit.page, ALICE)
        assert visit.requests[-1].startswith(f"{url}/release/v1/sluice/usage?since=")
