"""Google's Gemini API, generateContent (ai.google.dev/api/generate-content, read 2026-11-26). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.errors import ProxyError
from proxy.protocols.base import TextProtocol, TextState
from proxy.wire import path_table, sse

if TYPE_CHECKING:
    from proxy.protocols.base import Accumulator
    from proxy.protocols.texts import EventTexts

_WHOLE, _STREAM = ":generateContent", ":streamGenerateContent"
# The parameter that asks for events instead of one JSON array, in all its spellings.
_FORMAT = ("alt", "$alt", "%24alt")


class Gemini(TextProtocol):
    """Chunks without a name, each of which is a GenerateContentResponse. Nothing marks the end of a stream."""

    name = "gemini"
    model_members = ("modelVersion",)
    model_holders = ()
    # Google's SDKs parse every line that does not start with `data: ` as JSON.
    allows_comments = False

    def state(self, choices: int = 1) -> TextState:
        from proxy.protocols.gemini_state import GeminiState

        return GeminiState(choices)

    def ping(self, has_ids: bool) -> bytes | None:
        return b"\n"  # all that Google's SDKs ignore

    def error_body(self, error: ProxyError, request_id: str) -> bytes:
        from proxy.protocols import gemini_errors  # few calls fail

        return gemini_errors.body(error)

    def path_fields(self, path: str, query: str) -> dict[str, Any]:
        formats = {part.partition("=")[2] for part in query.split("&") if part.partition("=")[0] in _FORMAT}
        is_stream = path.endswith(_STREAM) and "sse" in formats
        return {"model": path_table.path_model(path), "stream": is_stream}

    def accumulator(self) -> Accumulator:
        from proxy.protocols.gemini_accumulate import CandidateAccumulator  # few answers are assembled

        return CandidateAccumulator()

    def stream_path(self, path: str, query: str) -> tuple[str, str]:
        if not path.endswith(_WHOLE):
            return path, query
        kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in _FORMAT]
        return path.removesuffix(_WHOLE) + _STREAM, "&".join([*kept, "alt=sse"])

    def merged(self, held: dict[str, Any], following: dict[str, Any]) -> dict[str, Any] | None:
        from proxy.protocols.gemini_merge import merged  # few streams are merged

        return merged(held, following)

    def event_texts(self, event: bytes) -> EventTexts:
        from proxy.protocols import gemini_texts  # few answers are filtered

        return gemini_texts.of_event(event)

    def withheld(self, answer: dict[str, Any], positions: list[int | None], message: str) -> dict[str, Any]:
        from proxy.protocols import gemini_texts  # few answers are withheld

        return gemini_texts.withheld(answer, message)

    def messages(self, events: bytes) -> list[dict[str, Any]]:
        from proxy.protocols.answer_messages import answer_messages

        accumulator = self.accumulator()
        for chunk in sse.objects(events):
            accumulator.add(chunk)
        return answer_messages(accumulator.whole())

    def as_chat(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[str], list[str]] | None:
        from proxy.protocols.gemini_prompt import as_chat  # few requests are counted

        return as_chat(request)


PROTOCOL = Gemini()
