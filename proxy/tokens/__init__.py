"""Count the tokens of requests and answers by OpenAI's rules, as far as they are known. Loads its modules on demand."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.tokens.counter import Count
    from proxy.tokens.vocabulary import Budget

# The budget for counting one request. A prompt of a million tokens fits into it.
MAX_CHARACTERS, MAX_SECONDS = 8_000_000, 1.0


def installed() -> bool:
    """Whether this deployment can count tokens. Bundles can omit the vocabularies; Workers have no room for them."""
    from importlib.util import find_spec

    if find_spec("tiktoken") is None:
        return False
    from proxy.tokens.models import O200K
    from proxy.tokens.vocabulary import DATA

    return (DATA / f"{O200K}.tiktoken.gz").exists()


def load() -> None:
    """Load the vocabulary of the newer models: about 80 MB of memory."""
    from proxy.tokens.models import O200K

    _vocabulary().load(O200K)


def budget(now: Callable[[], float]) -> Budget:
    """The budget for counting one request; `now` is a clock in seconds. Raises NotInstalled like `count_prompt`."""
    new: Budget = _vocabulary().Budget(MAX_CHARACTERS, MAX_SECONDS, now)
    return new


def count_prompt(
    chat: dict[str, Any], estimate: list[str], at_least: list[str], budget: Budget, api: str = "chat"
) -> Count:
    """The tokens of a chat request's prompt, or of the request to `api` (chat or responses) that it stands for.

    `estimate` and `at_least` are reasons, known to the caller, why the count is an estimate or a lower bound. Raises
    NotInstalled if this deployment has no vocabularies.
    """
    _vocabulary()
    from proxy.tokens import prompt

    return prompt.count(chat, budget, estimate, at_least, api)


def count_texts(request: dict[str, Any], budget: Budget) -> Count:
    """The tokens of the texts in a request without messages. Raises NotInstalled like `count_prompt`."""
    _vocabulary()
    from proxy.tokens import prompt

    return prompt.count_texts(request, request.get("prompt", request.get("input")), budget)


def text_counter(model: Any, budget: Budget) -> tuple[Callable[[str], int], int | None]:
    """A function that counts texts for `model`, and the most tokens that one image has for it; None if unknown.

    The function returns an upper bound: text beyond the budget counts one token per byte.
    """
    vocabulary = _vocabulary()
    from proxy.tokens import images
    from proxy.tokens.models import model_of

    known = model_of(model)
    vocabulary.load(known.encoding)
    return partial(vocabulary.upper_bound, name=known.encoding, budget=budget), images.max_tokens(known)


def _vocabulary() -> Any:
    try:
        from proxy.tokens import vocabulary
    except ImportError:  # a Worker's bundle lacks these modules
        from proxy.errors import NotInstalled

        raise NotInstalled from None
    return vocabulary
