"""A store in any server that speaks Redis's commands, over whatever connection carries them."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from proxy.store import periods, redis_index_scripts, redis_scripts
from proxy.store.base import (
    DAY_SECONDS,
    KEPT_DAYS,
    REVOKED_DAYS,
    TOTAL,
    Balance,
    Claim,
    Holder,
    KeyRecord,
    Limits,
    Refusal,
    Row,
    Spending,
    StoreUnavailable,
    check_amounts,
    model_label,
)
from proxy.store.redis_scripts import Script
from proxy.store.refusals import refusal

# Half of an answer's size or less; over HTTPS each batch is one round trip.
_BATCH = 100
_MONTH_DAYS = 31  # a month's spending is one key, kept until its last day is old enough
_REVOKED_SECONDS = REVOKED_DAYS * DAY_SECONDS
# A server's errors, and the label for each; the first word is its code. What a server says in full may quote a command.
_REASONS = {
    "NOAUTH": "unauthorized",
    "WRONGPASS": "unauthorized",
    "NOPERM": "unauthorized",
    "OOM": "out_of_memory",
    "MISCONF": "disk_full",
    "READONLY": "read_only_replica",
    "LOADING": "loading",
}
_INDEX = tuple(f"sluice:{{index}}:{name}" for name in ("holders", "forgotten", "revoked"))


class CommandError(NamedTuple):
    """What a server answered instead of a result: its code, the first word of the error."""

    code: str


class Connection(Protocol):
    """Carries commands to a server."""

    async def run(self, commands: list[list[str]]) -> list[Any]:
        """The results in order: strings, integers, None, lists of them, or a CommandError. Not atomic.

        Raises StoreUnavailable.
        """

    async def aclose(self) -> None:
        """Close what is open."""


class RedisStore:
    """See base.Store."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def reserve(self, holder: Holder, limits: Limits, claim: Claim, now: float) -> Balance | Refusal:
        """See base.Store."""
        check_amounts(claim.cost, claim.tokens)
        period = periods.period_key(limits.period, now)
        window = periods.window(now)
        arguments = [claim.id, claim.cost, claim.tokens, repr(now + claim.seconds), period, *window]
        most = [limits.budget, limits.requests, limits.tokens, limits.parallel]
        arguments += ["" if limit is None else limit for limit in most]
        answer = await self._of_holder(redis_scripts.RESERVE, holder, (), arguments, now)
        return _balance(answer, limits) if answer[:1] == [""] else _refusal(answer, limits, now)

    async def settle(self, holder: Holder, limits: Limits, claim_id: str, spending: Spending, now: float) -> Balance:
        """See base.Store."""
        check_amounts(spending.cost, spending.input, spending.output)
        period = periods.period_key(limits.period, now)
        used = [spending.cost, spending.input, spending.output, model_label(spending.model)]
        arguments = [claim_id, *used, period, periods.window(now).oldest, periods.oldest_day(now)]
        more = ("settled", f"spending:{periods.day_of(now)[:7]}")
        return _balance(await self._of_holder(redis_scripts.SETTLE, holder, more, arguments, now), limits)

    async def release(self, holder: Holder, claim_id: str, now: float) -> None:
        """See base.Store."""
        arguments = [repr(now), claim_id, periods.window(now).oldest]
        await self._run(redis_scripts.RELEASE, _keys(holder.id), arguments)

    async def balance(self, holder_id: str, limits: Limits, now: float) -> Balance:
        """See base.Store."""
        arguments = [repr(now), periods.period_key(limits.period, now)]
        return _balance(await self._run(redis_scripts.BALANCE, _keys(holder_id), arguments), limits)

    async def revoke(self, name_or_id: str, now: float) -> int:
        """See base.Store."""
        # The index first: from here on, no instance that sees a key for the first time lets it in.
        arguments = [name_or_id, repr(now + _REVOKED_SECONDS), repr(now), _REVOKED_SECONDS]
        ids = _ids(await self._run(redis_index_scripts.REVOKE, _INDEX, arguments))
        await self._all([(redis_index_scripts.MARK, (_key(one, "record"),), [_REVOKED_SECONDS]) for one in ids])
        return len(ids)

    async def keys(self) -> list[KeyRecord]:
        """See base.Store."""
        ids = await self._holders()
        records = await self._all([(redis_index_scripts.RECORD, (_key(one, "record"),), []) for one in ids])
        # Without a name: an instance is about to make the record.
        found = [_record(one, values) for one, values in zip(ids, records, strict=True) if values[:1] != [""]]
        return sorted(found, key=lambda record: (record.name, record.id))

    async def spending(self, since: str, until: str, holder_id: str | None = None) -> list[Row]:
        """See base.Store."""
        months = periods.months(since, until)
        ids = [holder_id] if holder_id is not None else await self._holders()
        names = ("record", *(f"spending:{month}" for month in months))
        answers = await self._all(
            [(redis_index_scripts.SPENDING, tuple(_key(one, name) for name in names), []) for one in ids]
        )
        rows = [
            row
            for one, (name, *hashes) in zip(ids, answers, strict=True)
            for month, fields in zip(months, hashes, strict=True)
            for row in _rows(one, name, month, fields)
            if since <= row.day <= until
        ]
        return sorted(rows, key=lambda row: (row.day, row.holder, row.model))

    async def note_threshold(self, holder_id: str, period_key: str, percent: int, now: float) -> bool:
        """See base.Store."""
        seconds = _REVOKED_SECONDS if period_key == TOTAL else KEPT_DAYS * DAY_SECONDS
        key = _key(holder_id, f"note:{period_key}:{percent}")
        return bool(await self._run(redis_index_scripts.NOTE, (key,), [seconds]) == ["1"])

    async def aclose(self) -> None:
        """See base.Store."""
        await self._connection.aclose()

    async def _holders(self) -> list[str]:
        return _ids(await self._run(redis_index_scripts.HOLDERS, _INDEX[:1], []))

    async def _of_holder(
        self, script: Script, holder: Holder, more: tuple[str, ...], arguments: list[Any], now: float
    ) -> list[Any]:
        """Run a script that begins with `register`.

        In a cluster, no script can see a holder and the index at once. So the first call of a key and day registers it
        in the index, which also tells whether the key is revoked. A revocation is written to the index before the
        holders are read from it, and a holder is written before the revocations are read: one sees the other.
        """
        keys = (*_keys(holder.id), *(_key(holder.id, name) for name in more))
        kept = (KEPT_DAYS + _MONTH_DAYS) * DAY_SECONDS
        longest = _REVOKED_SECONDS + kept
        seconds = min(max(int(holder.expires - now), kept), longest)
        about = [holder.name, holder.expires, periods.day_of(now), seconds, *arguments]
        answer = await self._run(script, keys, [repr(now), "0", "0", *about])
        if answer[:1] != ["unknown"]:
            return answer
        index = [holder.id, holder.name, repr(now + seconds), repr(now), longest]
        revoked = await self._run(redis_index_scripts.REGISTER, _INDEX, index)
        return await self._run(script, keys, [repr(now), "1", revoked[0], *about])

    async def _run(self, script: Script, keys: tuple[str, ...], arguments: list[Any]) -> list[Any]:
        return (await self._all([(script, keys, arguments)]))[0]

    async def _all(self, calls: list[tuple[Script, tuple[str, ...], list[Any]]]) -> list[list[Any]]:
        """The answers of scripts, each a list. Sends a script itself only to a server that does not know it yet."""
        answers: list[list[Any]] = []
        for start in range(0, len(calls), _BATCH):
            batch = calls[start : start + _BATCH]
            results = await self._connection.run([_command("EVALSHA", one[0].digest, one) for one in batch])
            for call, result in zip(batch, results, strict=True):
                if result == CommandError("NOSCRIPT"):
                    (result,) = await self._connection.run([_command("EVAL", call[0].source, call)])  # noqa: PLW2901
                answers.append(_checked(result))
        return answers


def _command(name: str, script: str, call: tuple[Script, tuple[str, ...], list[Any]]) -> list[str]:
    _, keys, arguments = call
    return [name, script, str(len(keys)), *keys, *map(str, arguments)]


def _checked(result: Any) -> list[Any]:
    if isinstance(result, CommandError):
        raise StoreUnavailable(_REASONS.get(result.code, "command_failed"))
    if not isinstance(result, list):
        raise StoreUnavailable("malformed")
    return result


def _key(holder_id: str, name: str) -> str:
    # Quoted, so that no id can end the hash tag.
    return f"sluice:{{h:{quote(holder_id, safe='')}}}:{name}"


def _keys(holder_id: str) -> tuple[str, ...]:
    return tuple(_key(holder_id, name) for name in ("record", "live", "claims", "rates"))


def _ids(answer: list[Any]) -> list[str]:
    if not all(isinstance(one, str) for one in answer):
        raise StoreUnavailable("malformed")
    return answer


def _balance(answer: list[Any], limits: Limits) -> Balance:
    try:
        _, spent, reserved = answer
        return Balance(int(spent), int(reserved), limits.budget)
    except (ValueError, TypeError):
        raise StoreUnavailable("malformed") from None


def _refusal(answer: list[Any], limits: Limits, now: float) -> Refusal:
    try:
        reason, when = answer
        return refusal(reason, when, limits, now)
    except (ValueError, TypeError):
        raise StoreUnavailable("malformed") from None


def _record(holder_id: str, values: list[Any]) -> KeyRecord:
    try:
        name, expires, revoked, first, last = values
        return KeyRecord(holder_id, name, int(expires), revoked == "1", float(first), float(last))
    except (ValueError, TypeError):
        raise StoreUnavailable("malformed") from None


def _rows(holder_id: str, name: str, month: str, fields: list[str]) -> list[Row]:
    """The rows of a month's hash: `27|calls|gpt-5`, 3, and so on."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    try:
        for field, value in zip(fields[::2], fields[1::2], strict=True):
            day, kind, *model = field.split("|", 2)
            if model:
                found.setdefault((day, model[0]), {})[kind] = int(value)
        return [Row(holder_id, name, f"{month}-{day}", model, **counts) for (day, model), counts in found.items()]
    except (ValueError, TypeError, AttributeError):
        raise StoreUnavailable("malformed") from None
