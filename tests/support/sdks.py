"""The official Python SDKs, and all that they make of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anthropic
import openai
from google import genai

HELLO: Any = [{"role": "user", "content": "hi"}]


@dataclass
class Seen:
    """What an SDK yields for one stream, and what it raises."""

    events: list[Any] = field(default_factory=list)
    error: str | None = None


def anthropic_client(base: str, **options: Any) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=base, max_retries=0, **{"api_key": "sk-ant-caller", **options})


def google_client(base: str, key: str = "AIza-caller", **options: Any) -> genai.Client:
    return genai.Client(api_key=key, http_options=genai.types.HttpOptions(base_url=base, **options))


def read_messages(base: str, models: Sequence[str]) -> list[Seen]:
    with anthropic_client(base) as client:
        create: Any = partial(client.messages.create, max_tokens=9, messages=HELLO, stream=True)
        return [_seen(partial(create, model=model)) for model in models]


def read_gemini(base: str, models: Sequence[str]) -> list[Seen]:
    with google_client(base) as client:
        create: Any = partial(client.models.generate_content_stream, contents="hi")
        return [_seen(partial(create, model=model)) for model in models]


def read_gemini_async(base: str, models: Sequence[str]) -> list[Seen]:
    """Google's asynchronous client parses streams with code of its own."""

    async def read() -> list[Seen]:
        async with google_client(base).aio as client:
            create: Any = partial(client.models.generate_content_stream, contents="hi")
            return [await _seen_async(create(model=model)) for model in models]

    return asyncio.run(read())


def read_openai(api: str, base: str, models: Sequence[str]) -> list[Seen]:
    with openai.OpenAI(base_url=f"{base}/v1", api_key="sk-caller", max_retries=0) as client:
        create: Any = {
            "chat": partial(client.chat.completions.create, messages=HELLO),
            "responses": partial(client.responses.create, input="hi"),
            "completions": partial(client.completions.create, prompt="hi"),
        }[api]
        return [_seen(partial(create, model=model, stream=True)) for model in models]


# By SDK and API: how it reads a stream for each of some models.
READERS: dict[str, Callable[[str, Sequence[str]], list[Seen]]] = {
    "messages": read_messages,
    "gemini": read_gemini,
    "gemini-async": read_gemini_async,
    **{api: partial(read_openai, api) for api in ("chat", "responses", "completions")},
}


def _seen(open_stream: Callable[[], Iterable[Any]]) -> Seen:
    seen = Seen()
    try:
        for event in open_stream():
            seen.events.append(_plain(event))
    except Exception as error:  # whatever it is, it is compared
        seen.error = f"{type(error).__name__}: {error}"
    return seen


async def _seen_async(opening: Any) -> Seen:
    seen = Seen()
    try:
        stream: AsyncIterator[Any] = await opening
        async for event in stream:
            seen.events.append(_plain(event))
    except Exception as error:
        seen.error = f"{type(error).__name__}: {error}"
    return seen


def _plain(event: Any) -> Any:
    """An event without the response's headers, which Google's SDK adds to each."""
    if isinstance(event, genai.types.GenerateContentResponse):
        event.sdk_http_response = None
    return event
