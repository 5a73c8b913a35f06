"""How many tokens a request or an answer has, by OpenAI's rules as far as they are known. Nothing here is loaded
before somebody asks.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.cost.upper_bound import Bound
    from proxy.tokens.prompt import Count
    from proxy.tokens.vocabulary import Budget

# What one count of a stranger's text may cost: a prompt of a million tokens fits into it.
CHARACTERS, SECONDS = 8_000_000, 1.0


def installed() -> bool:
    """Whether this deployment can count at all: bundles can be made without, and Workers have no room for it."""
    from importlib.util import find_spec

    if find_spec("tiktoken") is None:
        return False
    from proxy.tokens.models import O200K
    from proxy.tokens.vocabulary import DATA

    return (DATA / f"{O200K}.tiktoken.gz").exists()


def load() -> None:
    """Load the vocabulary of the newer models, some 80 MB of memory."""
    from proxy.tokens.models import O200K

    _vocabulary().load(O200K)


def budget(now: Callable[[], float]) -> Budget:
    """What counting one request may cost, by the clock `now` (seconds). Raises NotInstalled as `count_prompt` does."""
    found: Budget = _vocabulary().Budget(CHARACTERS, SECONDS, now)
    return found


def count_prompt(request: dict[str, Any], protocol: str, budget: Budget) -> Count:
    """The tokens that a request's prompt has. `protocol` is chat, completions or responses; others count as texts.

    Raises NotInstalled where this deployment was made without vocabularies.
    """
    _vocabulary()
    from proxy.tokens import prompt
    from proxy.tokens.responses import as_chat

    if protocol == "chat":
        return prompt.count(request, budget)
    if protocol == "responses":
        chat, unknown = as_chat(request)
        why = ["the Responses API is counted by the chat API's rules"]
        return prompt.count(chat, budget, estimate=why, at_least=unknown)
    return prompt.count_texts(request, request.get("prompt", request.get("input")), budget)


def upper(bound: Bound, model: Any, budget: Budget) -> int:
    """The bound of a prompt for `model`, with its texts counted.

    Never fewer tokens than they have in its encoding: what the budget does not suffice for counts as its bytes.
    """
    vocabulary = _vocabulary()
    from proxy.tokens import images
    from proxy.tokens.models import model_of

    found = model_of(model)
    vocabulary.load(found.encoding)
    most = images.most_of(found)
    count = partial(vocabulary.upper, name=found.encoding, budget=budget)
    return bound.counted(count) if most is None else bound.counted(count, most)


def _vocabulary() -> Any:
    try:
        from proxy.tokens import vocabulary
    except ImportError:  # a Worker's bundle has none of the files that count
        from proxy.errors import NotInstalled

        raise NotInstalled from None
    return vocabulary
