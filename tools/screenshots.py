"""Takes the console's screenshots for the documents: `make screenshots`, or `python dev.py screenshots`.

Needs Debian's packages chromium and fonts-noto-cjk. The embedded demo answers; times, ids and the address are always
the same. Beside the pictures, docs/screenshots.json keeps for each the hash of what it shows (`shown`: elements, texts
and styles) and of the file itself, so that a test can tell when a picture is stale, whichever Chromium it has.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.support.server import serving
from tools.palette import shrink

DOCS = Path(__file__).resolve().parent.parent / "docs"
RECORD = DOCS / "screenshots.json"
MAX_BYTES = 150_000
WIDE, PHONE = ViewportSize(width=920, height=1100), ViewportSize(width=390, height=844)
ADDRESS = "https://llm.example.com"
# Each reading of the clock is 40 ms after the last one, and each event of a stream is read alone, however the network
# has split it. So the plot and the times in the report never differ.
_FIXED = """(() => {
  let now = 0;
  performance.now = () => (now += 40);
  const real = window.fetch;
  window.fetch = async (...asked) => {
    const response = await real(...asked);
    const headers = new Headers(response.headers);
    if (headers.has("x-sluice-request-id")) headers.set("x-sluice-request-id", "sl_5f0c6a3e9b1d4872");
    const events = (await response.text()).split(/(?<=\\n\\n)/).map((event) => new TextEncoder().encode(event));
    const body = new ReadableStream({
      pull: (controller) => (events.length ? controller.enqueue(events.shift()) : controller.close()),
    }, { highWaterMark: 0 });
    return new Response(body, { status: response.status, headers });
  };
})();"""
# What is visible, as text: hidden parts and what only a browser reads are left out.
_SHOWN = """() => {
  const copy = document.documentElement.cloneNode(true);
  for (const field of document.querySelectorAll("input, textarea, select")) {
    copy.querySelector(`#${field.id}`).setAttribute("shown", `${field.value} ${field.checked}`);
  }
  for (const node of copy.querySelectorAll("[hidden], script, noscript, meta, link, #announced")) node.remove();
  return copy.outerHTML;
}"""


class Shot(NamedTuple):
    """One picture: a conversation with the demo, and the report on it. A `phone` shows it dark, from the API on."""

    name: str
    locale: str
    prompt: str
    phone: bool = False


SHOTS = (
    Shot("console-en.png", "en-US", "Hello"),
    Shot("console-zh.png", "zh-CN", "你好"),
    Shot("console-phone.png", "zh-CN", "你好", phone=True),
)


def main() -> int:
    """Write the pictures and their record. Returns the exit code."""
    chromium = shutil.which("chromium")
    if chromium is None or not has_chinese_font():
        missing = "a Chinese font (fonts-noto-cjk)" if chromium else "chromium"
        print(f"The pictures were not taken: install {missing}.", file=sys.stderr)
        return 1
    with serving(DEMO="1") as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        record = {shot.name: {"shown": take(browser, server.url, shot, DOCS / shot.name)} for shot in SHOTS}
        browser.close()
    for name, hashes in record.items():
        picture = (DOCS / name).read_bytes()
        print(f"docs/{name}: {len(picture):,} bytes")
        if len(picture) > MAX_BYTES:
            print(f"docs/{name} is larger than {MAX_BYTES:,} bytes.", file=sys.stderr)
            return 1
        hashes["file"] = sha256(picture).hexdigest()
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8", newline="\n")
    return 0


def has_chinese_font() -> bool:
    """Whether fontconfig knows a font with Chinese characters; without one a picture shows boxes."""
    program = shutil.which("fc-list")
    if program is None:
        return False
    found = subprocess.run([program, ":lang=zh-cn", "family"], check=True, capture_output=True)  # noqa: S603 — constant
    return bool(found.stdout.strip())


def take(browser: Browser, url: str, shot: Shot, path: Path | None = None) -> str:
    """Show what the picture shows, and write it to `path` if there is one. Returns the hash of what is shown."""
    look: dict[str, Any] = {
        "locale": shot.locale,
        "color_scheme": "dark" if shot.phone else "light",
        "viewport": PHONE if shot.phone else WIDE,
    }
    context = browser.new_context(**look)
    try:
        page = context.new_page()
        page.add_init_script(_FIXED)
        page.goto(url)
        _converse(page, shot)
        shown = sha256(json.dumps([look, page.evaluate(_SHOWN)], sort_keys=True).encode()).hexdigest()
        if path is not None:
            page.screenshot(path=str(path), full_page=not shot.phone)
            shrink(path)
        return shown
    finally:
        context.close()


def _converse(page: Page, shot: Shot) -> None:
    # Show readers a real-looking address instead of this machine's.
    page.evaluate(
        """(address) => { for (const id of ["with-v1", "without-v1"]) {
            const node = document.getElementById(id);
            node.textContent = node.textContent.replace(location.origin, address);
        } }""",
        ADDRESS,
    )
    page.fill("#message", shot.prompt)
    page.click("#send")
    page.wait_for_selector("#facts dt:text-is('Cost'), #facts dt:text-is('费用')")  # the price comes last
    part = "#api-status" if shot.phone else "body"
    page.evaluate(f"document.activeElement.blur(); document.querySelector('{part}').scrollIntoView()")


if __name__ == "__main__":
    sys.exit(main())
