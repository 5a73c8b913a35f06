"""How many tokens the prompt of a chat completion has, as `usage.prompt_tokens` will report.

The rules were measured on recorded requests with OpenAI's own counts; docs/tokens.md shows their accuracy. If a request
contains something whose tokens cannot be known (a file, a remote image), the count is a lower bound.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from proxy.tokens import accounted, evidence, images, instructions
from proxy.tokens.counter import Count, Counter
from proxy.tokens.models import model_of
from proxy.tokens.rules import CHAT, RESPONSES
from proxy.tokens.values import as_list, compacted, parsed, text_of
from proxy.tokens.vocabulary import Budget

# What `reasoning.mode` "pro" makes of a prompt, measured on one project's requests.
_PRO_FACTOR, _PRO_TOKENS = 4.5, 1_474
_NO_TEXT = "input that is neither a text nor a list of tokens is not counted"


def count(
    request: dict[str, Any],
    budget: Budget,
    estimate: Sequence[str] = (),
    at_least: Sequence[str] = (),
    api: str = CHAT,
) -> Count:
    """The prompt tokens of a chat completion request. Invalid requests are counted as far as they can be read.

    `estimate` and `at_least` are reasons, known to the caller, why the sum is not exact.
    """
    counter = Counter(model_of(request.get("model")), budget, api)
    counter.estimate += [*estimate, *evidence.unmeasured(request, counter.model, api, budget)]
    counter.at_least += [*at_least, *accounted.uncounted(request, api)]
    model = counter.model
    messages = [message for message in as_list(request.get("messages")) if isinstance(message, dict)]
    tokens = 2 if model.thinks_aloud else 3
    at = 0
    while at < len(messages) and budget.allows() and budget.visit():
        calls = calls_of(messages[at])
        results = _results(messages, at + 1, len(calls))
        tokens += _tool_turn(counter, messages[at], calls, results) if calls else _message(counter, messages[at])
        at += 1 + len(results)
    tokens += instructions.count(counter, request, messages)
    if api == RESPONSES and _is_pro(request):
        counter.estimate.append("pro mode reads a prompt several times")
        tokens = round(tokens * _PRO_FACTOR) + _PRO_TOKENS
    return counter.total(tokens)


def _is_pro(request: dict[str, Any]) -> bool:
    reasoning = request.get("reasoning")
    return isinstance(reasoning, dict) and reasoning.get("mode") == "pro"


def count_texts(request: dict[str, Any], prompt: Any, budget: Budget) -> Count:
    """The tokens of `prompt`: a text, a list of texts, a list of tokens, or a list of lists of tokens."""
    counter = Counter(model_of(request.get("model")), budget)
    counter.at_least += accounted.uncounted({name: value for name, value in request.items() if name != "input"})
    if isinstance(prompt, str):
        return counter.total(counter.text(prompt))
    tokens = 0
    for item in as_list(prompt):
        if isinstance(item, str):
            tokens += counter.text(item)
        elif isinstance(item, int) or (isinstance(item, list) and all(isinstance(token, int) for token in item)):
            tokens += len(item) if isinstance(item, list) else 1
        else:
            counter.at_least.append(_NO_TEXT)
        if not budget.visit():
            break
    if prompt is not None and not isinstance(prompt, list):
        counter.at_least.append(_NO_TEXT)
    return counter.total(tokens)


def _message(counter: Counter, message: dict[str, Any]) -> int:
    role = str(message.get("role") or "")
    first = counter.model.name.endswith("-0301")  # the first chat models frame messages and names differently
    tokens = (4 if first else 3) + counter.text(role) + content(counter, message.get("content"))
    name = message.get("name")
    if isinstance(name, str) and name:
        tokens += counter.text(name) + (-1 if first else 0 if name == role else 1)
    if role == "assistant" and counter.model.names_channels:
        tokens += 2
    if role == "function" and counter.model.first_functions:
        tokens -= 2
    if isinstance(refusal := message.get("refusal"), str):
        tokens += counter.text(refusal)
    return tokens


def content(counter: Counter, value: Any, of_tool: bool = False) -> int:
    """The tokens of a message's content: a text, or parts whose texts are joined before they are encoded.

    `of_tool`: it is the result of a call. Images there cost nothing of their own.
    """
    if isinstance(value, str):
        return counter.text(value)
    tokens = 0
    texts = []
    for part in as_list(value):
        if not isinstance(part, dict) or not counter.budget.visit():
            continue
        kind = part.get("type")
        if isinstance(text := part.get("text") or part.get("refusal"), str):
            texts.append(text)
        elif kind in ("image_url", "input_image"):
            if of_tool:
                counter.estimate.append("images in the result of a call have not been measured enough")
            else:
                tokens += _image(counter, part)
    return tokens + counter.text("".join(texts))


def _image(counter: Counter, part: dict[str, Any]) -> int:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    detail = image.get("detail") if isinstance(image, dict) else part.get("detail")
    size = images.size_of(url) if isinstance(url, str) else None
    tokens = images.tokens_of(counter.model, size, str(detail))
    if tokens is None:
        counter.at_least.append("an image's size is only known if the request contains the image itself")
        return images.tokens_of(counter.model, (1, 1), str(detail)) or 0  # it has at least one tile
    return tokens


def calls_of(message: dict[str, Any]) -> list[tuple[str, str]]:
    """The names and arguments of the functions that an earlier answer called."""
    if message.get("role") != "assistant":
        return []
    calls = [call.get("function") for call in as_list(message.get("tool_calls")) if isinstance(call, dict)]
    if isinstance(message.get("function_call"), dict):
        calls.append(message["function_call"])
    return [(str(call.get("name") or ""), str(call.get("arguments") or "")) for call in calls if isinstance(call, dict)]


def _results(messages: list[dict[str, Any]], start: int, limit: int) -> list[dict[str, Any]]:
    """The results that directly follow an answer with `limit` calls, at most that many."""
    end = start
    while end < min(start + limit, len(messages)) and messages[end].get("role") in ("tool", "function"):
        end += 1
    return messages[start:end]


def _tool_turn(
    counter: Counter, message: dict[str, Any], calls: list[tuple[str, str]], results: list[dict[str, Any]]
) -> int:
    """The tokens of an earlier answer that called functions, and of their results."""
    rules = counter.rules
    tokens = content(counter, message.get("content"))
    if tokens:  # a text next to calls is a separate message
        tokens += 3 + counter.text("assistant")
    if isinstance(author := message.get("name"), str) and author:
        tokens += counter.text(author) + 1
    if counter.model.first_functions and message.get("tool_calls"):
        tokens -= 3  # unlike `function_call`
    if rules.calls is None:
        for name, arguments in calls:
            tokens += counter.text("functions." + name) + counter.text(compacted(arguments)) + rules.call
        if len(calls) == 1 and any(call.get("id") for call in as_list(message.get("tool_calls"))):
            tokens += rules.call_id
        pairs = zip(calls, results, strict=False)
        return tokens + sum(_result(counter, name, result) for (name, _), result in pairs)
    if len(calls) == 1:
        name, arguments = calls[0]
        tokens += counter.text(name) + counter.text(compacted(arguments)) + rules.call
        return tokens + sum(_result(counter, name, result) for result in results)
    uses = [{"recipient_name": f"functions.{name}", "parameters": parsed(arguments)} for name, arguments in calls]
    tokens += counter.json({"tool_uses": uses}) + rules.calls
    texts = [parsed(text_of(result.get("content"))) for result in results]
    return tokens + (counter.text(json.dumps(texts)) + rules.results if texts else 0)


def _result(counter: Counter, name: str, result: dict[str, Any]) -> int:
    """The tokens of the result of one call of the function `name`."""
    tokens = counter.text("functions." + name) + counter.rules.result
    return tokens + content(counter, result.get("content"), of_tool=True)
