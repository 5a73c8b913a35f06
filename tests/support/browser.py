"""Real Chromium for the console's tests: one browser per module, and pages that record their errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support import node, parts

# Seconds for one step of the browser, which may share a busy machine with servers and other tests.
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
class Visit:
    """A page with its errors and its requests."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def check(self, url: str) -> None:
        """Check that there were no errors, no violations of the page's policy, and no requests except to `url`."""
        assert self.errors == []
        assert self.page.evaluate("window.violations") == []
        others = [address for address in self.requests if not address.startswith((f"{url}/", "data:"))]
        assert others == []


@contextlib.contextmanager
def opened(browser: Browser, url: str, path: str = "/", **look: Any) -> Iterator[Visit]:
    """Open the console at `url` in a new context; `look` is its locale, colours and size."""
    context = browser.new_context(**{"locale": "en-US", **look})
    context.set_default_timeout(PATIENCE * 1000)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    visit = Visit(page)
    page.on("console", lambda entry: visit.errors.append(entry.text) if entry.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.on("request", lambda request: visit.requests.append(request.url))
    page.add_init_script(_WATCH)
    try:
        page.goto(url + path)
        yield visit
    finally:
        context.close()


def axe(page: Page) -> list[str]:
    """The rules that axe says the page breaks now, with the elements that break them."""
    node.packages()
    source = (node.HERE / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    page.evaluate(source)
    violations = page.evaluate("axe.run().then((result) => result.violations)")
    return [f"{rule['id']}: {[node['target'] for node in rule['nodes']]}" for rule in violations]


def say(page: Page, text: str) -> None:
    """Type a message and press Enter."""
    page.fill("#message", text)
    page.press("#message", "Enter")


def open_tab(page: Page, name: str) -> None:
    page.click(f"#tab-{name}")
    expect(page.locator(f"#{name}")).to_be_visible()


def fact(page: Page, name: str) -> str:
    """One of the facts about the last answer: its time, its tokens, its cost."""
    return page.locator(f"#facts dt:text-is('{name}') + dd").inner_text()
