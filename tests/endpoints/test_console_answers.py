"""Answers on the console's page while they come: one that breaks and very long ones."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Serve
from tests.support import console_streams as streams
from tests.support.browser import fact, opened, say
from tests.support.console_streams import APIS, OWN_KEY, answered, choose, piece
from tests.support.upstream import END, SSE_HEAD, Cut, Script, Step, Upstream, Wait, chunk

pytestmark = pytest.mark.any_python("Chromium runs the page")
LENGTH = 100_000
# An answer whose pieces come one after the other, until the connection ends or breaks, as the browser reports it.
FETCHED = """([pieces, isBroken]) => { window.fetch = async () => new Response(new ReadableStream({
    pull(controller) {
      const piece = pieces.shift();
      if (piece !== undefined) controller.enqueue(new TextEncoder().encode(piece));
      else if (isBroken) controller.error(new TypeError("network error"));
      else controller.close();
    },
  }, { highWaterMark: 0 }), { headers: { "content-type": "text/event-stream", "x-sluice-request-id": "sl_1" } }); }"""


def paced(*texts: str) -> Script:
    """A chat whose pieces each wait for the test."""
    steps: list[Step] = [SSE_HEAD]
    for text in texts:
        steps += [chunk(piece("openai", text)), Wait()]
    return (*steps, chunk(streams.end("openai")), END)


@pytest.mark.parametrize("api", APIS)
def test_what_came_before_the_connection_broke_stays_and_the_reason_is_said(
    browser: Browser, demo: str, api: str
) -> None:
    with opened(browser, demo) as visit:
        page, failed = visit.page, visit.page.locator(".failed")
        choose(page, api)
        body = streams.start(api) + piece(api, "One half. ") + piece(api, "And")
        page.evaluate(FETCHED, [[body.decode()], True])
        say(page, "hi")
        expect(failed).to_contain_text("The answer is incomplete")
        expect(failed).to_contain_text("The stream was cut off. The answer is incomplete. network error")
        expect(failed).to_contain_text("What to do: Send it again. If it always breaks after the same time")
        expect(failed).to_contain_text("Request id sl_1")
        expect(page.locator(".assistant .body")).to_have_text("One half. And")
        expect(page.locator("#announced")).to_have_text("The answer is incomplete. So far: One half. And")
        assert fact(page, "Ending") == "cut off" and page.input_value("#message") == ""
        expect(page.locator("#send")).to_be_visible()


@pytest.mark.parametrize("api", APIS)
def test_a_stream_that_just_ends_is_incomplete(browser: Browser, demo: str, api: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        choose(page, api)
        answered(page, api, streams.start(api) + piece(api, "half"))
        say(page, "hi")
        expect(page.locator(".failed")).to_contain_text("The stream was cut off. The answer is incomplete.")
        expect(page.locator(".assistant .body")).to_have_text("half")
        assert fact(page, "Ending") == "cut off"


def test_an_upstream_that_disconnects_is_named(browser: Browser, upstream: Upstream, serve: Serve) -> None:
    upstream.play((SSE_HEAD, chunk(piece("openai", "half")), Wait(), Cut()))
    with opened(browser, serve(**OWN_KEY).url) as visit:
        page, failed = visit.page, visit.page.locator(".failed")
        say(page, "hi")
        expect(page.locator(".assistant .body")).to_have_text("half")
        upstream.proceed()
        expect(failed).to_contain_text("The upstream closed the connection before its answer was complete.")
        expect(failed).to_contain_text("upstream_disconnected")
        expect(failed).to_contain_text("What to do: Send it again.")
        expect(page.locator(".assistant .body")).to_have_text("half")
        # The next question goes up with what came of the answer.
        upstream.play(paced())
        say(page, "go on")
        expect(page.locator(".failed")).to_have_count(2)  # this one is empty
        assert [turn["content"] for turn in json.loads(upstream.received[0].body)["messages"]] == [
            "hi",
            "half",
            "go on",
        ]


MIXED = """Some words.

- a list
- of two

3. three
4. four

```python
x = 1

y = 2
```
~~~
more
~~~
after **bold** and `code`

## Heading
line one
line two"""


def test_an_answer_looks_the_same_however_it_came(browser: Browser, demo: str) -> None:
    def shown(page: Page, pieces: list[str]) -> str:
        events = [*(piece("openai", text) for text in pieces), streams.end("openai")]
        page.evaluate(FETCHED, [[event.decode() for event in events], False])
        page.click("#clear")
        say(page, "hi")
        expect(page.locator(".assistant .body")).to_contain_text("line two")
        expect(page.locator("#stop")).to_be_hidden()
        return page.locator(".assistant .body").inner_html()

    with opened(browser, demo) as visit:
        whole = shown(visit.page, [MIXED])
        assert whole.count("<pre") == 2 and '<ol start="3">' in whole and "x = 1\n\ny = 2" in whole
        # The page waits a moment before it shows what has come; here it does so for each letter.
        visit.page.evaluate("() => { window.shown = 0; window.setTimeout = (work) => { window.shown += 1; work(); }; }")
        assert shown(visit.page, list(MIXED)) == whole
        assert visit.page.evaluate("window.shown") >= len(MIXED)


PARAGRAPH = (
    "Some **bold** words, some `code`, and then many more of them until this paragraph is long enough to count.\n\n"
)


def test_work_on_a_long_answer_is_bounded_by_what_is_new(browser: Browser, upstream: Upstream, serve: Serve) -> None:
    """What has been shown is left alone: the same elements are there at the end, and few were made for each piece."""
    batch = PARAGRAPH * 50
    pieces = [batch] * (LENGTH // len(batch) + 1)
    upstream.play(paced(*pieces))
    with opened(browser, serve(**OWN_KEY).url) as visit:
        page = visit.page
        say(page, "hi")
        paragraphs = page.locator(".assistant .body > p")
        expect(paragraphs).to_have_count(50)
        page.evaluate("""() => {
            const body = document.querySelector(".assistant .body");
            window.first = body.firstElementChild;
            window.made = [];
            const added = (changes) => changes.reduce((sum, { addedNodes }) => sum + addedNodes.length, 0);
            new MutationObserver((changes) => window.made.push(added(changes))).observe(body, { childList: true });
        }""")
        for count in range(2, len(pieces) + 1):
            upstream.proceed()
            expect(paragraphs).to_have_count(50 * count)
            page.fill("#message", f"typed meanwhile {count}")  # the page is not busy
        upstream.proceed()
        expect(page.locator("#stop")).to_be_hidden()
        assert len(page.locator(".assistant .body").inner_text()) > LENGTH * 0.9
        assert page.evaluate("window.first === document.querySelector('.assistant .body').firstElementChild")
        made = page.evaluate("window.made")
        # A paragraph is one node in the body. Twice a batch is room for a piece that was shown in two steps.
        assert max(made) <= 100 and sum(made) <= 50 * len(pieces) + 2 * len(pieces)
        assert page.input_value("#message") == f"typed meanwhile {len(pieces)}"
        visit.check(serve(**OWN_KEY).url)


@pytest.mark.parametrize("line", ["x = compute(y)\n", "word "], ids=["code", "one paragraph"])
def test_a_block_without_end_is_plain_until_it_ends(
    browser: Browser, upstream: Upstream, serve: Serve, line: str
) -> None:
    is_code = line.endswith("\n")
    batch = line * (LENGTH // 10 // len(line))
    upstream.play(paced("```\n" if is_code else "**", *[batch] * 10, "```\n\nThe end." if is_code else "**"))
    with opened(browser, serve(**OWN_KEY).url) as visit:
        page, body = visit.page, visit.page.locator(".assistant .body")
        say(page, "hi")
        expect(body).to_be_visible()
        for count in range(1, 11):
            upstream.proceed()
            page.wait_for_function(
                "(length) => document.querySelector('.assistant .body').textContent.length >= length",
                arg=len(batch) * count - 10,
            )
        assert page.locator(".assistant .plain").count() >= 1
        # Each further piece becomes a text of its own or joins the last one.
        assert page.evaluate("document.querySelectorAll('.assistant .body *').length") < 100
        upstream.proceed()
        upstream.proceed()
        expect(page.locator("#stop")).to_be_hidden()
        expect(page.locator(".assistant .plain")).to_have_count(0)
        expect(body.locator("pre" if is_code else "b")).to_have_count(1)
        assert len(body.inner_text()) > LENGTH * 0.9
        visit.check(serve(**OWN_KEY).url)


def test_an_event_of_100_000_characters_is_read_in_its_many_parts(browser: Browser, demo: str) -> None:
    text = "".join(f"word{number} " for number in range(LENGTH // 9))
    with opened(browser, demo) as visit:
        page = visit.page
        answered(page, "openai", piece("openai", text) + streams.end("openai"))
        say(page, "hi")
        expect(page.locator(".assistant .body")).to_have_text(text.strip())
        # Screen readers get the beginning; the whole is in the conversation.
        announced = page.locator("#announced").inner_text()
        assert announced.startswith("The answer is complete: word0 word1 ") and len(announced) < 1_100
        expect(page.locator("#facts dt:text-is('Cost')")).to_be_visible()
