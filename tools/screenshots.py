"""Takes the console's screenshots for the documents: `python -m tools.screenshots`.

Needs Debian's packages chromium and fonts-noto-cjk. The embedded demo always gives the same text.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.support.server import serving
from tools.palette import shrink

DOCS = Path(__file__).resolve().parent.parent / "docs"
MAX_BYTES = 150_000
WIDE, PHONE = (920, 1100), (390, 844)


def main() -> int:
    """Write docs/console-*.png. Returns the exit code."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("chromium is not installed", file=sys.stderr)
        return 1
    with serving(DEMO="1") as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        take(browser, server.url, "console-en.png", locale="en-US", prompt="Hello")
        take(browser, server.url, "console-zh.png", locale="zh-CN", prompt="你好")
        take(browser, server.url, "console-phone.png", locale="zh-CN", prompt="你好", phone=True)
        browser.close()
    return 0


def take(browser: Browser, url: str, name: str, *, locale: str, prompt: str, phone: bool = False) -> None:
    """One screenshot: a conversation with the demo, and the report on it."""
    width, height = PHONE if phone else WIDE
    look: Any = {"locale": locale, "color_scheme": "dark" if phone else "light"}
    context = browser.new_context(viewport={"width": width, "height": height}, **look)
    page = context.new_page()
    page.goto(url)
    # Show readers a real-looking address instead of this machine's.
    page.evaluate(
        """() => { for (const id of ["with-v1", "without-v1"]) {
            const node = document.getElementById(id);
            node.textContent = node.textContent.replace(location.origin, "https://llm.example.com");
        } }"""
    )
    page.fill("#message", prompt)
    page.click("#send")
    page.wait_for_selector("#facts dd >> nth=5")
    page.evaluate(
        f"document.activeElement.blur(); document.querySelector('{'.options' if phone else 'body'}').scrollIntoView()"
    )
    page.wait_for_timeout(300)
    page.screenshot(path=str(DOCS / name), full_page=not phone)
    context.close()
    shrink(DOCS / name)
    size = (DOCS / name).stat().st_size
    print(f"docs/{name}: {size:,} bytes")
    if size > MAX_BYTES:
        raise SystemExit(f"docs/{name} is larger than {MAX_BYTES:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
