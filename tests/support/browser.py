"""Real Chromium for the console's tests: one browser for a module, and pages that tell what went wrong in them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support import node, parts

# Seconds that a browser may take to a step on a busy machine, where it shares two cores with servers and other tests.
PATIENCE = 30.0
_WATCH = """window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));"""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; without one the test is skipped, or fails under REQUIRE_ALL=1."""
    program = parts.need("chromium")
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page, with what its console said and what it asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def check(self, url: str) -> None:
        """Nothing was complained of, nothing broke the page's policy, and nothing but `url` was asked."""
        assert self.complaints == []
        assert self.page.evaluate("window.violations") == []
        strangers = [one for one in self.asked if not one.startswith((f"{url}/", "data:"))]
        assert strangers == []


@contextlib.contextmanager
def opened(browser: Browser, url: str, path: str = "/", **look: Any) -> Iterator[Opened]:
    """The console at `url` in a context of its own, `look` being its locale, colours and size."""
    context = browser.new_context(**{"locale": "en-US", **look})
    context.set_default_timeout(PATIENCE * 1000)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    found = Opened(page)
    page.on("console", lambda said: found.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("request", lambda request: found.asked.append(request.url))
    page.add_init_script(_WATCH)
    try:
        page.goto(url + path)
        yield found
    finally:
        context.close()


def axe(page: Page) -> list[str]:
    """What axe finds wrong with the page as it stands, each rule with the elements that break it."""
    node.packages()
    source = (node.HERE / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    page.evaluate(source)
    found = page.evaluate("axe.run().then((told) => told.violations)")
    return [f"{one['id']}: {[part['target'] for part in one['nodes']]}" for one in found]


def say(page: Page, words: str) -> None:
    """Type a message and press Enter."""
    page.fill("#message", words)
    page.press("#message", "Enter")


def open_tab(page: Page, name: str) -> None:
    page.click(f"#tab-{name}")
    expect(page.locator(f"#{name}")).to_be_visible()
