"""How many tokens a request or an answer has, by OpenAI's rules as far as they are known. Nothing here is loaded
before somebody asks.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

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


def count_prompt(chat: dict[str, Any], estimate: list[str], at_least: list[str], budget: Budget) -> Count:
    """The tokens that a chat request's prompt has.

    `estimate` are reasons why the count is only an estimate, `at_least` those why it is a lower bound. Raises
    NotInstalled where this deployment was made without vocabularies.
    """
    _vocabulary()
    from proxy.tokens import prompt

    return prompt.count(chat, budget, estimate=estimate, at_least=at_least)


def count_texts(request: dict[str, Any], budget: Budget) -> Count:
    """The tokens of the texts in a request that is no conversation. Raises NotInstalled as `count_prompt` does."""
    _vocabulary()
    from proxy.tokens import prompt

    return prompt.count_texts(request, request.get("prompt", request.get("input")), budget)


def text_counter(model: Any, budget: Budget) -> tuple[Callable[[str], int], int | None]:
    """What counts a text for `model`, and the most tokens that an image has for it, None where that is not known.

    A text never counts as fewer tokens than it has in the model's encoding: what the budget does not suffice for counts
    as its bytes.
    """
    vocabulary = _vocabulary()
    from proxy.tokens import images
    from proxy.tokens.models import model_of

    known = model_of(model)
    vocabulary.load(known.encoding)
    return partial(vocabulary.upper, name=known.encoding, budget=budget), images.most_of(known)


def _vocabulary() -> Any:
    try:
        from proxy.tokens import vocabulary
    except ImportError:  # a Worker's bundle has none of the files that count
        from proxy.errors import NotInstalled

        raise NotInstalled from None
    return vocabulary
