"""`python -m proxy keys revoke|list`: what the store knows of the keys that were used, and refusing some of them."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, NamedTuple, TextIO

from proxy.access import signed_keys
from proxy.cli import keys, open_store, own_settings, text_table
from proxy.cost.key_limits import NEVER
from proxy.errors import ConfigError, ProxyError
from proxy.settings.parsers import SIGNED_KEY_PREFIX
from proxy.store import periods
from proxy.store.base import KeyRecord, Store, usd

_ID = re.compile(r"[0-9a-f]{6}")  # as `keys mint` makes them
_HEADS = ("name", "id", "expires", "revoked", "first seen", "last seen", "USD today", "USD this month")
_NAME_COLUMNS = 2  # the first ones, which may be shortened


class _Spent(NamedTuple):
    """What a key has spent, in nano-dollars."""

    today: int
    this_month: int


def run_revoke(environ: Mapping[str, str], subject: str) -> int:
    """Revoke a name or an id in the store; `-` reads a whole key from stdin. Returns 1 with a message if that fails."""
    try:
        name_or_id = _id_from_stdin(environ) if subject == "-" else _checked(subject, environ)
        count = open_store.run(open_store.settings(environ), lambda store: store.revoke(name_or_id, time.time()))
    except ProxyError as error:
        print(f"sluice: {open_store.explain(error)}", file=sys.stderr)
        return 1
    if count:
        known = "1 known key" if count == 1 else f"{count:,} known keys"
        print(f"Revoked {name_or_id}: {known}. The next call is refused; nothing needs to be deployed.")
    else:
        print(
            f"Revoked {name_or_id}. The store knows no key of this name or id yet; should one be used, it is refused. "
            "`python -m proxy keys list` shows the keys that it knows."
        )
    if not _ID.fullmatch(name_or_id):
        print("If this is a name, new keys of this name are refused as well: mint them with another one.")
    return 0


def _checked(subject: str, environ: Mapping[str, str]) -> str:
    """The name or id from the command line. Raises ConfigError for what is a key, and never shows it."""
    is_whole = SIGNED_KEY_PREFIX in subject and not signed_keys.NAME.fullmatch(subject)
    if is_whole or subject in own_settings.read(environ, "PROXY_KEY").proxy_key:
        raise ConfigError(
            "This is a key itself, which is now in the shell's history. Name its id, which the log shows, or send a "
            "signed key through stdin: python -m proxy keys revoke - < FILE"
        )
    if not signed_keys.NAME.fullmatch(subject):
        raise ConfigError("A name or an id has 1 to 40 letters, digits, dots, dashes or underscores.")
    return subject


def _id_from_stdin(environ: Mapping[str, str]) -> str:
    """The id of the key that stdin holds. Raises ConfigError or KeyInvalid."""
    text = sys.stdin.read().strip()
    if not text.startswith(SIGNED_KEY_PREFIX):
        raise ConfigError(f"`-` reads a signed key from stdin, which begins with {SIGNED_KEY_PREFIX}.")
    if not own_settings.read(environ, "SIGNING_SECRET").signing_secret:
        raise ConfigError("Reading a key needs the SIGNING_SECRET that signed it. Set it, or name the key's id.")
    return signed_keys.read(text, keys.signing_secrets(environ)).id


def run_list(environ: Mapping[str, str], as_json: bool, out: TextIO | None = None) -> int:
    """Print the keys that have been used and what they have spent. Returns 1 with a message if that fails."""
    out = out or sys.stdout
    day = periods.day_of(time.time())
    try:
        records, spent = open_store.run(open_store.settings(environ), lambda store: _read(store, day))
    except ProxyError as error:
        print(f"sluice: {open_store.explain(error)}", file=sys.stderr)
        return 1
    if as_json:
        document = {"day": day, "month": day[:7], "keys": [_fields(record, spent[record.id]) for record in records]}
        out.write(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
        return 0
    if not records:
        print("sluice: no key has been used with this store yet.", file=sys.stderr)
        return 0
    rows = [list(_HEADS), *(_cells(record, spent[record.id]) for record in records)]
    columns = shutil.get_terminal_size().columns if out.isatty() else None
    out.write("\n".join(text_table.lines(rows, _NAME_COLUMNS, columns)) + "\n")
    return 0


async def _read(store: Store, day: str) -> tuple[list[KeyRecord], Mapping[str, _Spent]]:
    """The keys, and what each has spent on `day` and since the first day of its month. Both are UTC, as budgets are."""
    records = await store.keys()
    today: Counter[str] = Counter()
    month: Counter[str] = Counter()
    for row in await store.spending(f"{day[:7]}-01", day):
        month[row.holder] += row.cost
        if row.day == day:
            today[row.holder] += row.cost
    return records, {record.id: _Spent(today[record.id], month[record.id]) for record in records}


def _cells(record: KeyRecord, spent: _Spent) -> list[str]:
    moments = [_moment(record.first_seen), _moment(record.last_seen)]
    return [
        text_table.printable(record.name),
        text_table.printable(record.id),
        "never" if record.expires >= NEVER else f"{_moment(record.expires):%Y-%m-%d}",
        "yes" if record.revoked else "no",
        *(f"{moment:%Y-%m-%d}" for moment in moments),
        *(f"{Decimal(usd(amount)):,.6f}" for amount in spent),
    ]


def _fields(record: KeyRecord, spent: _Spent) -> dict[str, Any]:
    """A key as JSON. Times are in UTC to the second; `expires` is null for a key that never does."""
    return {
        "name": record.name,
        "id": record.id,
        "expires": None if record.expires >= NEVER else _iso(record.expires),
        "revoked": record.revoked,
        "first_seen": _iso(record.first_seen),
        "last_seen": _iso(record.last_seen),
        "spent_today_usd": usd(spent.today),
        "spent_this_month_usd": usd(spent.this_month),
    }


def _iso(seconds: float) -> str:
    return f"{_moment(seconds):%Y-%m-%dT%H:%M:%SZ}"


def _moment(seconds: float) -> datetime:
    """A time from the store, kept within what a date can be, whatever has been written there."""
    return datetime.fromtimestamp(min(max(0.0, seconds), NEVER), timezone.utc)
