"""The calls of tools in one chat stream, put together from their pieces. Pure."""

from __future__ import annotations

from proxy.protocols.translate.chat_deltas import CallDelta
from proxy.wire import bounded_json


class Call:
    """A call. `unsent` are the pieces of its arguments that were not written yet; `state` says where it is."""

    __slots__ = ("_pieces", "identifier", "name", "state", "unsent")

    def __init__(self) -> None:
        self.identifier = self.name = ""
        self.state = ""  # then "queued" or "open", and at last "closed"
        self.unsent: list[str] = []
        self._pieces: list[str] = []

    @property
    def arguments(self) -> str:
        """All arguments so far."""
        return "".join(self._pieces)

    @property
    def is_whole(self) -> bool:
        """Whether the arguments are valid JSON, or there are none."""
        return not self._pieces or bounded_json.parse(self.arguments) is not None

    def add(self, delta: CallDelta, cumulative: bool) -> None:
        """Add a piece. The first id and the first name count: some providers repeat them or send others."""
        self.identifier = self.identifier or delta.identifier
        self.name = self.name or delta.name
        arguments = delta.arguments
        if cumulative and self._pieces and arguments.startswith(before := self.arguments):
            arguments = arguments[len(before) :]
        if arguments:
            self._pieces.append(arguments)
            self.unsent.append(arguments)

    def taken(self) -> str:
        """The arguments that were not written yet, which now count as written."""
        text = "".join(self.unsent)
        self.unsent.clear()
        return text


class Calls(list[Call]):
    """All calls of a stream, in order. `cumulative`: each piece of arguments repeats all earlier ones."""

    def __init__(self, cumulative: bool) -> None:
        super().__init__()
        self._cumulative = cumulative
        self._latest: dict[int, Call] = {}
        self._by_id: dict[tuple[int | None, str], Call] = {}

    def add(self, delta: CallDelta) -> Call:
        """The call that a piece belongs to, with the piece added."""
        call = self._counted(delta, delta.position) if delta.position is not None else self._uncounted(delta)
        if call is None:
            call = Call()
            self.append(call)
        call.add(delta, self._cumulative)
        if delta.position is not None:
            self._latest[delta.position] = call
        self._by_id.setdefault((delta.position, call.identifier), call)
        return call

    def _counted(self, delta: CallDelta, index: int) -> Call | None:
        """The call with this index. A new id together with a name is another call: some providers do not count.

        Without an id, a name after whole arguments is another call too.
        """
        latest = self._latest.get(index)
        if latest is not None and delta.name and not delta.identifier and latest.name and latest.arguments:
            return None if latest.is_whole else latest
        is_labelled = delta.identifier and delta.name
        if latest is None or not is_labelled or latest.identifier in ("", delta.identifier):
            return latest
        return self._by_id.get((index, delta.identifier))

    def _uncounted(self, delta: CallDelta) -> Call | None:
        """The call with this id, or the last one. Without ids, a name begins the next call."""
        if delta.identifier:
            return self._by_id.get((None, delta.identifier))
        last = self[-1] if self else None
        return None if last is not None and delta.name and last.name else last
