"""How many tokens the prompt of a chat completion has, as `usage.prompt_tokens` will say.

The rules were measured on recorded requests with OpenAI's own count beside them; docs/tokens.md says how well they
hold. Where a request has what cannot be known from outside (a file, a remote image) the answer is a lower bound.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from proxy.tokens import accounted, images, vocabulary
from proxy.tokens.models import Model, model_of
from proxy.tokens.schema import Renderer, TooLarge, first_is_bare
from proxy.tokens.vocabulary import Budget

# Characters of arguments that are read as JSON: C's reader lets nobody else go on meanwhile.
_READ = 32_768
# Fields of a JSON schema that the model never gets to see in a response format.
_UNSEEN = frozenset(
    "additionalProperties required min max minItems maxItems minimum maximum exclusiveMinimum exclusiveMaximum "
    "minLength maxLength default".split()
)
_SYSTEM = ("system", "developer")
_END = 4_096  # characters
_NOTES = 20


@dataclass(frozen=True, slots=True)
class Count:
    """`certainty` is exact (by rules that hold for this model), estimate, or at_least; `encoding` tiktoken's name.

    `tokenizer_known` says that the model's own tokenizer counted, whatever the rules around the texts are.
    """

    tokens: int
    certainty: str
    encoding: str
    notes: tuple[str, ...] = ()
    tokenizer_known: bool = False


class Counter:
    """Counts the parts of one request. `at_least` and `estimate` collect why the sum is no more than that."""

    def __init__(self, model: Model, budget: Budget) -> None:
        self.model = model
        self.budget = budget
        # A fresh process takes long to load it, which is no work on this text: on a busy machine it used up the whole
        # time, and all but the first message went uncounted.
        budget.outside(lambda: vocabulary.load(model.encoding))
        self.at_least: list[str] = []
        self.estimate: list[str] = []

    def text(self, text: str) -> int:
        """The tokens of `text`."""
        return vocabulary.count(text, self.model.encoding, self.budget)

    def json(self, value: Any) -> int:
        """The tokens of `value` as compact JSON."""
        return self.text(compact(value))

    def total(self, tokens: int) -> Count:
        """The sum with what is known of its certainty."""
        at_least, estimate = list(dict.fromkeys(self.at_least)), list(dict.fromkeys(self.estimate))
        if self.budget.spent:
            at_least.append("the text is too long to be counted to its end")
        if self.budget.seams:
            estimate.append("text without any break had to be cut")
        if not self.model.openai:
            estimate.append("counted with o200k_base, since this model has a tokenizer of its own")
        elif not self.model.measured:
            estimate.append("this model's rules have not been measured; counted like its forerunner")
        certainty = "at_least" if at_least else "estimate" if estimate else "exact"
        notes = tuple((at_least + estimate)[:_NOTES])
        return Count(max(tokens, 0), certainty, self.model.encoding, notes, self.model.openai)


def count(request: dict[str, Any], budget: Budget, estimate: Sequence[str] = (), at_least: Sequence[str] = ()) -> Count:
    """The prompt tokens of a chat completion request. What the API would refuse counts as far as it can be read.

    `estimate` and `at_least` are reasons, known to the caller, why the sum is no more than that.
    """
    counter = Counter(model_of(request.get("model")), budget)
    counter.estimate += estimate
    counter.at_least += [*at_least, *accounted.unknown(request)]
    model = counter.model
    messages = [message for message in _list(request.get("messages")) if isinstance(message, dict)]
    tokens = 2 if model.thinks_aloud else 3
    at = 0
    while at < len(messages) and budget.allows() and budget.visit():
        calls = calls_of(messages[at])
        results = _results(messages, at + 1, len(calls))
        tokens += _tool_turn(counter, messages[at], calls, results) if calls else _message(counter, messages[at])
        at += 1 + len(results)
    tokens += _instructions(counter, request, messages)
    return counter.total(tokens)


def count_texts(request: dict[str, Any], given: Any, budget: Budget) -> Count:
    """The tokens of `given`: a text, a list of texts, tokens, or a list of lists of tokens, as older endpoints take."""
    counter = Counter(model_of(request.get("model")), budget)
    counter.at_least += accounted.unknown({name: one for name, one in request.items() if name != "input"})
    if isinstance(given, str):
        return counter.total(counter.text(given))
    tokens = 0
    for one in _list(given):
        if isinstance(one, str):
            tokens += counter.text(one)
        elif isinstance(one, int) or (isinstance(one, list) and all(isinstance(token, int) for token in one)):
            tokens += len(one) if isinstance(one, list) else 1
        else:
            counter.at_least.append("what is neither a text nor a list of tokens is not counted")
        if not budget.visit():
            break
    if given is not None and not isinstance(given, list):
        counter.at_least.append("what is neither a text nor a list of tokens is not counted")
    return counter.total(tokens)


def compact(value: Any) -> str:
    """`value` as JSON without a space."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _message(counter: Counter, message: dict[str, Any]) -> int:
    role = str(message.get("role") or "")
    first = counter.model.name.endswith("-0301")  # the first chat models framed messages and names their own way
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


def content(counter: Counter, value: Any) -> int:
    """The tokens of a message's content: a text, or parts, whose texts are joined before they are encoded."""
    if isinstance(value, str):
        return counter.text(value)
    tokens = 0
    texts = []
    for part in _list(value):
        if not isinstance(part, dict) or not counter.budget.visit():
            continue
        kind = part.get("type")
        if isinstance(text := part.get("text") or part.get("refusal"), str):
            texts.append(text)
        elif kind in ("image_url", "input_image"):
            tokens += _image(counter, part)
    return tokens + counter.text("".join(texts))


def _image(counter: Counter, part: dict[str, Any]) -> int:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    detail = image.get("detail") if isinstance(image, dict) else part.get("detail")
    size = images.size_of(url) if isinstance(url, str) else None
    tokens = images.tokens_of(counter.model, size, str(detail))
    if tokens is None:
        counter.at_least.append("an image's size is only known where the image itself is in the request")
    return tokens or 0


def calls_of(message: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and arguments of the functions that a past answer called."""
    if message.get("role") != "assistant":
        return []
    found = [call.get("function") for call in _list(message.get("tool_calls")) if isinstance(call, dict)]
    if isinstance(message.get("function_call"), dict):
        found.append(message["function_call"])
    return [(str(call.get("name") or ""), str(call.get("arguments") or "")) for call in found if isinstance(call, dict)]


def _results(messages: list[dict[str, Any]], start: int, most: int) -> list[dict[str, Any]]:
    """The results that stand directly behind a call, at most as many as there were calls."""
    end = start
    while end < min(start + most, len(messages)) and messages[end].get("role") in ("tool", "function"):
        end += 1
    return messages[start:end]


def _tool_turn(
    counter: Counter, message: dict[str, Any], calls: list[tuple[str, str]], results: list[dict[str, Any]]
) -> int:
    """A past answer that called functions, and what they gave back."""
    model = counter.model
    tokens = content(counter, message.get("content"))
    if tokens:  # a text beside the calls is a message of its own
        tokens += 3 + counter.text("assistant")
    if isinstance(author := message.get("name"), str) and author:
        tokens += counter.text(author) + 1
    if model.gpt5 is not None:
        tokens += 6
    if len(calls) == 1:
        name, arguments = calls[0]
        tokens += counter.text(name) + counter.text(compacted(arguments)) + 9
        for result in results:
            tokens += counter.text("functions." + name) + 3 + content(counter, result.get("content"))
        return tokens
    uses = [{"recipient_name": f"functions.{name}", "parameters": parsed(arguments)} for name, arguments in calls]
    tokens += counter.json({"tool_uses": uses}) + 24
    texts = [parsed(text_of(result.get("content"))) for result in results]
    return tokens + (counter.text(json.dumps(texts)) - 4 if texts else 0)


def _instructions(counter: Counter, request: dict[str, Any], messages: list[dict[str, Any]]) -> int:
    """What tools and a response format add to the system message, or to one made for them."""
    model = counter.model
    functions = _functions(request)
    tokens = 0
    if functions:
        renderer = Renderer(not model.first_functions, counter.budget)
        try:
            tokens += counter.text(renderer.functions(functions)) + 5
            if not model.first_functions:
                tokens -= sum(map(first_is_bare, functions))
        except TooLarge:
            counter.at_least.append("the tools' schemas are too large to be counted to their end")
        if renderer.has_references:
            counter.estimate.append("how a schema's references are written out has not been measured")
        if model.gpt5 is not None:
            with_parameters = any(_has_properties(function) for function in functions)
            tokens += 86 if with_parameters else 85
            if model.gpt5 == 1:
                tokens -= 1
        else:
            tokens += _choice(counter, request)
            if model.reasons:
                tokens += 1
    schema = _response_schema(request)
    if schema is not None:
        tokens += _format(counter, schema) - (3 if functions else 0)
        # Past answers carry a mark that they kept to the format.
        tokens += 4 * sum(message.get("role") == "assistant" and bool(message.get("content")) for message in messages)
    if (functions or schema is not None) and model.gpt5 is None:
        tokens += _merged(counter, messages)
    return tokens


def _merged(counter: Counter, messages: list[dict[str, Any]]) -> int:
    system = next((message for message in messages if message.get("role") in _SYSTEM), None)
    if system is None:
        return 4
    text = text_of(system.get("content"))[-_END:]  # only what a line break joins counts
    return counter.text(text + "\n") - counter.text(text)


def _functions(request: dict[str, Any]) -> list[dict[str, Any]]:
    tools = [tool.get("function") for tool in _list(request.get("tools")) if isinstance(tool, dict)]
    return [one for one in tools + _list(request.get("functions")) if isinstance(one, dict)]


def _choice(counter: Counter, request: dict[str, Any]) -> int:
    choice = request.get("tool_choice", request.get("function_call"))
    if choice == "none":
        return 1
    if isinstance(choice, dict):
        function = choice.get("function", choice)
        name = function.get("name") if isinstance(function, dict) else None
        return counter.text(name) + (4 if counter.model.first_functions else 7) if isinstance(name, str) else 0
    return 0


def _response_schema(request: dict[str, Any]) -> dict[str, Any] | None:
    chosen = request.get("response_format")
    if not isinstance(chosen, dict) or chosen.get("type") != "json_schema":
        return None
    schema = chosen.get("json_schema")
    return schema if isinstance(schema, dict) else None


def _format(counter: Counter, schema: dict[str, Any]) -> int:
    name = str(schema.get("name") or "")
    tokens = counter.text(f"# Response Formats\n\n## {name}\n\n")
    if isinstance(description := schema.get("description"), str) and description:
        tokens += counter.text(f"// {description}\n")
    seen = json.dumps(_seen(schema.get("schema")), separators=(",", ":"))
    return tokens + counter.text(seen) + 2 + counter.text(name)


def _seen(value: Any, named: bool = False) -> Any:
    """A schema without what the model does not see; the names of properties are no keywords."""
    if isinstance(value, list):
        return [_seen(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _seen(one, key in ("properties", "$defs", "definitions") and not named)
        for key, one in value.items()
        if named or key not in _UNSEEN
    }


def _has_properties(function: dict[str, Any]) -> bool:
    schema = function.get("parameters")
    return isinstance(schema, dict) and bool(schema.get("properties"))


def text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    parts = [part.get("text") for part in _list(value) if isinstance(part, dict)]
    return "".join(part for part in parts if isinstance(part, str))


def parsed(arguments: str) -> Any:
    """The JSON value, or the text itself where it is none, too long, or where a part of it would get lost."""
    if len(arguments) > _READ:
        return arguments
    # Not nesting.loads: no Worker has this module, and elsewhere Python gives up in time.
    try:
        return json.loads(arguments, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return arguments


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def compacted(arguments: str) -> str:
    value = parsed(arguments)
    return arguments if isinstance(value, str) else compact(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
