"""Counting the parts of one request, and how certain the sum is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proxy.tokens import rules, vocabulary
from proxy.tokens.models import Model
from proxy.tokens.values import compact
from proxy.tokens.vocabulary import Budget

_MAX_NOTES = 20


@dataclass(frozen=True, slots=True)
class Count:
    """A number of tokens.

    - `certainty`: exact (the rules are known to hold for this model), estimate, or at_least.
    - `encoding`: tiktoken's name of the encoding.
    - `notes`: why the count is not exact.
    - `tokenizer_known`: the model's own tokenizer counted the texts, however certain the rules around them are.
    """

    tokens: int
    certainty: str
    encoding: str
    notes: tuple[str, ...] = ()
    tokenizer_known: bool = False


class Counter:
    """Counts the parts of one request. `at_least` and `estimate` collect the reasons why the sum is not exact."""

    def __init__(self, model: Model, budget: Budget, api: str = rules.CHAT) -> None:
        self.model = model
        self.api = api
        self.rules = rules.of(model, api)
        self.budget = budget
        # Loading is slow in a new process and is not work on this text. On a busy machine it used up the whole budget,
        # and only the first message was counted.
        budget.uncharged(lambda: vocabulary.load(model.encoding))
        self.at_least: list[str] = []
        self.estimate: list[str] = []

    def text(self, text: str) -> int:
        """The tokens of `text`."""
        return vocabulary.count(text, self.model.encoding, self.budget)

    def json(self, value: Any) -> int:
        """The tokens of `value` as compact JSON."""
        return self.text(compact(value))

    def total(self, tokens: int) -> Count:
        """The sum, with its certainty."""
        at_least, estimate = list(dict.fromkeys(self.at_least)), list(dict.fromkeys(self.estimate))
        if self.budget.spent:
            at_least.append("the text is too long to be counted completely")
        if self.budget.seams:
            estimate.append("text without any break was split to be counted")
        if not self.model.openai:
            estimate.append("counted with o200k_base, because this model has its own tokenizer")
        elif not self.model.measured:
            estimate.append("this model's rules have not been measured; counted like its predecessor")
        certainty = "at_least" if at_least else "estimate" if estimate else "exact"
        notes = tuple((at_least + estimate)[:_MAX_NOTES])
        return Count(max(tokens, 0), certainty, self.model.encoding, notes, self.model.openai)
