"""Label values, and how many of them there can be: each set of labels is memory here, and a series in Prometheus.

What a caller or an upstream can invent gets a label only while there is room; the rest is counted as `other`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Generic, Protocol, TypeVar

from proxy.wire.path_table import GEMINI_VERSION, INPUT_TOKENS, endpoint, is_listing
from proxy.wire.paths import LOCAL_PATHS

OTHER = "other"
MODELS = "models"
# Beside the registered ones: a client that left (nginx's 499), Cloudflare's 52x, Anthropic's overload (529).
_STATUSES = frozenset([*map(int, HTTPStatus), 499, *range(520, 531)])
_OWN_PAGES = frozenset(f"/{path}" for path in LOCAL_PATHS - {INPUT_TOKENS})


class Labelled(Protocol):
    """A metric with labels."""

    def labels(self, *labelvalues: Any) -> Any:
        """The child with these label values."""


M = TypeVar("M", bound=Labelled)


class Names:
    """The first `most` names that come stay as they are; all further ones are `other`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: set[str] = set()

    def __call__(self, name: str) -> str:
        """The label for `name`."""
        if name not in self._names:
            if len(self._names) >= self._most:
                return OTHER
            self._names.add(name)
        return name


class LabelSets(Generic[M]):
    """A metric's children by their labels. Beyond `most` sets, all further ones share a child with `other` only."""

    def __init__(self, metric: M, most: int) -> None:
        self._metric = metric
        self._most = most
        self._children: dict[tuple[str, ...], M] = {}

    def __call__(self, *labels: str) -> M:
        """The child for these label values."""
        child = self._children.get(labels)
        if child is None:
            if len(self._children) >= self._most:
                labels = (OTHER,) * len(labels)
            child = self._children[labels] = self._metric.labels(*labels)
        return child


def is_own_page(method: str, path: str) -> bool:
    """Whether a call is for a page of Sluice's own, such as /healthz, or a browser's preflight: no call of an API."""
    return method == "OPTIONS" or path in _OWN_PAGES


def path_label(method: str, path: str) -> str:
    """The row of the path table that a logged path belongs to, `models` for lists of models, else `other`."""
    path = path[1:] if path.startswith(f"/{GEMINI_VERSION}/") else path.removeprefix("/v1/")
    if is_listing(method, path):
        return MODELS
    if method != "POST":
        return OTHER
    if path == f"/{INPUT_TOKENS}":
        return INPUT_TOKENS
    row = endpoint(path)
    return row.path if row else OTHER


def status_label(status: int) -> str:
    """The status if it is a known one, else its class, such as `4xx`: an upstream may send any three digits."""
    return str(status) if status in _STATUSES else f"{status // 100 % 10}xx"
