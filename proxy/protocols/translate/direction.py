"""The interface of a direction of translation: from the API that a caller uses to the one that an upstream serves.

Each direction has a folder. Its module `direction` has an instance, which `directions` finds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.errors import TranslatedError
from proxy.protocols.translate.translated import Translated


class Asked(NamedTuple):
    """What the translation of an answer has to know of its call.

    - `model`: the model, as the caller names it.
    - `names`, `echo`: what `Translated` says.
    - `request_id`: the call's id.
    - `input_tokens`: an estimate of the prompt.
    - `wants_usage`: a chat stream shall report its usage.
    - `reruns_incomplete`: the client repeats a call whose answer ends as incomplete.
    - `cumulative`: the provider repeats the arguments of a call with each piece of them.
    """

    model: str
    names: Mapping[str, Any]
    echo: Mapping[str, Any]
    request_id: str = ""
    input_tokens: int = 0
    wants_usage: bool = False
    reruns_incomplete: bool = False
    cumulative: bool = False


class Stream(Protocol):
    """The translation of one stream.

    `error` is the error that the upstream has sent, None if it has not. `is_cut`: a stream that ends now has been cut.
    `ended`: the answer has ended, and nothing follows.
    """

    @property
    def error(self) -> Any: ...

    @property
    def is_cut(self) -> bool: ...

    @property
    def ended(self) -> bool: ...

    def feed(self, piece: bytes) -> bytes:
        """The events for the next whole events of the upstream."""

    def end(self) -> bytes:
        """The last events, after the upstream's stream has ended."""


class Direction(ABC):
    """Translates the calls of one API for upstreams of another one.

    `path` is where they go, `protocol` what the upstream speaks there, by its name in proxy.protocols.registry.
    """

    path: str
    protocol: str

    @abstractmethod
    def request(self, request: dict[str, Any], provider: ChatProvider, reasons: bool) -> Translated:
        """The request for the upstream. Raises BadRequest for what that has no equal for."""

    @abstractmethod
    def stream(self, asked: Asked) -> Stream:
        """The translation of a streamed answer."""

    @abstractmethod
    def answer(self, answer: dict[str, Any], asked: Asked) -> dict[str, Any] | None:
        """A whole answer in the caller's protocol; None if it is none."""

    @abstractmethod
    def error(self, status: int, error: Any, request_id: str) -> TranslatedError:
        """An upstream's error in the caller's protocol. `error` is the body, or its member `error`."""
