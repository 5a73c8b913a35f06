"""The page /help in real Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.conftest import Serve
from tests.support.browser import axe, opened

pytestmark = pytest.mark.any_python("Chromium shows the page")


@pytest.mark.parametrize("look", [{}, {"color_scheme": "dark", "viewport": {"width": 360, "height": 700}}])
def test_browsers_show_it_without_complaint(browser: Browser, serve: Serve, look: dict[str, Any]) -> None:
    url = serve(DEMO="1").url
    with opened(browser, url, "/help#deadline", locale="zh-CN", **look) as visit:
        assert visit.page.locator("html").get_attribute("lang") == "zh"
        assert visit.page.locator("article:target h3 code").inner_text() == "deadline"
        assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert axe(visit.page) == []
        visit.page.click("main a")
        assert visit.page.locator("html").get_attribute("lang") == "en"
        visit.check(url)
