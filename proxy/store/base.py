"""What a store of budgets does, and what goes in and comes out.

Amounts are integers from 0 to MAX_AMOUNT, so that sums are exact: costs in nano-dollars (1e-9 USD), tokens as counts.
Times are Unix time in seconds and always the caller's `now`: no store reads a clock of its own to decide anything. Data
that nobody needs any more is also removed by age, which in Redis passes by the server's own clock.

**Clocks.** Instances may disagree about the time by some seconds, s. Then
- a reservation ends up to s early for the instance whose clock is ahead. A budget can be overdrawn only by calls that
  still run in the last s seconds of their claim, and by at most what these claimed: let `Claim.seconds` exceed what a
  call can take by the difference that you expect;
- a period begins and ends up to s early or late for some calls. Each is booked once, in one period;
- an instance that is behind counts the requests and tokens of one that is ahead (by up to a minute) as well; one that
  is ahead forgets those of others s seconds early. In the worst case a minute holds twice the limit.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from proxy.errors import ProxyError

NANO_PER_USD = 1_000_000_000
MAX_AMOUNT = 2**53 - 1  # beyond it, Lua's numbers (in Redis) are no longer exact; 9 million dollars
DAY_SECONDS = 86_400
KEPT_DAYS = 400  # spending by day and model, and keys that are no longer used
# Of a key or name that the store has not seen yet, since it cannot know when it expires. `keys mint` makes none that is
# valid for longer.
REVOKED_DAYS = 3_660
SETTLED_SECONDS = 3_600.0  # for so long a claim that was settled is recognised when it is settled again
MAX_CLAIMS = 2_000  # reservations of a holder at a time
MAX_MODELS = 50  # for a holder and day; further ones are counted together
MAX_MODEL_LENGTH = 100  # characters; longer names are counted together
OTHER = "other"
DAY, MONTH, TOTAL = "day", "month", "total"


class Holder(NamedTuple):
    """Who spends: the id, the name and the expiry (Unix time) of a signed key."""

    id: str
    name: str
    expires: int


class Limits(NamedTuple):
    """What a holder may use. None means no limit.

    - `budget`: the most that all calls of a period may cost together.
    - `period`: `day`, `month` or `total`. Days begin at 00:00 UTC, months at 00:00 UTC of their first day.
    - `requests`, `tokens`: in any 60 seconds.
    - `parallel`: calls that run at the same time.
    """

    budget: int | None
    period: str
    requests: int | None
    tokens: int | None
    parallel: int | None


class Claim(NamedTuple):
    """What one call may use at most. `id` belongs to this call alone and is never used again.

    The reservation runs out by itself `seconds` after it was made, in case the instance that made it is gone.
    """

    id: str
    cost: int
    tokens: int
    seconds: float


class Refusal(NamedTuple):
    """Why a call may not be made now: `reason` is revoked, parallel, requests, tokens or budget.

    `retry_after`: after so many seconds a repeat can succeed at the earliest; None if waiting does not help.
    """

    reason: str
    retry_after: float | None


class Balance(NamedTuple):
    """A holder's budget in the current period: what is spent, what running calls have reserved, and the limit."""

    spent: int
    reserved: int
    limit: int | None


class Spending(NamedTuple):
    """What a call has really used. `input` and `output` are tokens."""

    cost: int
    input: int
    output: int
    model: str


class Row(NamedTuple):
    """What a holder (by id) has spent on a model in a day (YYYY-MM-DD, UTC)."""

    holder: str
    name: str
    day: str
    model: str
    calls: int
    cost: int
    input: int
    output: int


class KeyRecord(NamedTuple):
    """A key that has been used. `expires`, `first_seen` and `last_seen` are Unix time."""

    id: str
    name: str
    expires: int
    revoked: bool
    first_seen: float
    last_seen: float


class StoreUnavailable(ProxyError):
    """The store cannot be reached, or answers nonsense; the operation may or may not have been carried out.

    The message is for the caller of the API. `reason` is a label for the log, `advice` a sentence for the owner.
    """

    status = 503
    code = "store_unavailable"
    message = (
        "This server could not check the budget of your key, and nothing was sent upstream. Try again in a moment; if "
        "this persists, the server's owner can find the reason in the log."
    )

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason
        self.advice = _ADVICE.get(reason, "Check that STORE names a store that works, and look into the store's log.")


_ADVICE = {
    "timeout": "The store did not answer within STORE_TIMEOUT_MS. Check that it runs, or raise STORE_TIMEOUT_MS.",
    "busy": "Other processes kept the SQLite file of STORE locked. Raise STORE_TIMEOUT_MS, or move to redis://.",
    "disk_full": "The disk with the SQLite file of STORE is full. Free some space on it.",
    "read_only": "The SQLite file of STORE cannot be written. Let the user that runs Sluice write it and its folder.",
    "not_opened": "The SQLite file of STORE cannot be opened. Check its path, and that its folder exists.",
    "newer_version": "A newer Sluice made the SQLite file of STORE. Update this one, or set STORE to another file.",
    "unreachable": "The store refuses connections. Check the address in STORE, and that it runs.",
    "unauthorized": "The store does not accept the password in STORE, or STORE_TOKEN. Correct it.",
    "malformed": "The store's answer makes no sense. Check that STORE names a Redis server, or its REST address.",
}


class Store(Protocol):
    """Keeps what holders spend. Each operation is atomic; all raise StoreUnavailable, whatever goes wrong.

    Every operation but `note_threshold` may be repeated with the same arguments when its outcome is unknown.
    Raises ValueError for an amount that is negative or above MAX_AMOUNT.
    """

    async def reserve(self, holder: Holder, limits: Limits, claim: Claim, now: float) -> Balance | Refusal:
        """Reserve what a call may use, or say which limit it would break. A refused call counts towards no limit.

        The budget covers what was spent in the period, all live reservations and this claim.
        """

    async def settle(self, holder: Holder, limits: Limits, claim_id: str, spending: Spending, now: float) -> Balance:
        """Book what a call has really used, and end its reservation.

        Books exactly once for each claim, even if the reservation has run out or was never made, and in the period of
        `now`. A repeat within SETTLED_SECONDS books nothing. The tokens of the minute are corrected as well.
        """

    async def release(self, holder: Holder, claim_id: str, now: float) -> None:
        """End the reservation of a call that cost nothing. It still counts as a request of its minute."""

    async def balance(self, holder_id: str, limits: Limits, now: float) -> Balance:
        """The state of a budget; nothing is spent for a holder that the store does not know."""

    async def revoke(self, name_or_id: str, now: float) -> int:
        """Refuse every key of this name or id from now on, known or not. Returns how many are known.

        Holds until the keys expire; for unknown ones for REVOKED_DAYS.
        """

    async def keys(self) -> list[KeyRecord]:
        """The keys that have been used, by name and id."""

    async def spending(self, since: str, until: str, holder_id: str | None = None) -> list[Row]:
        """What was spent from the day `since` to the day `until`, both included, by day, holder and model.

        Goes back KEPT_DAYS.
        """

    async def note_threshold(self, holder_id: str, period_key: str, percent: int, now: float) -> bool:
        """Whether this is the first time that the holder is noted to have reached `percent` in the period.

        `period_key` is what `periods.period_key` returns. True at most once, whatever fails.
        """

    async def aclose(self) -> None:
        """Close connections and files."""


def usd(amount: int) -> str:
    """An amount of nano-dollars as US dollars, without an exponent and without zeros at its end."""
    sign, digits = "-" if amount < 0 else "", f"{abs(amount):010d}"
    return f"{sign}{digits[:-9]}.{digits[-9:]}".rstrip("0").rstrip(".")


def check_amounts(*amounts: int) -> None:
    """Raise ValueError unless a store can add these up exactly. A negative amount would raise a budget."""
    if not all(0 <= amount <= MAX_AMOUNT for amount in amounts):
        raise ValueError(f"amounts must be from 0 to {MAX_AMOUNT}")


def model_label(model: str) -> str:
    """The name under which a model is counted: its own, unless callers could make it too long or unreadable."""
    return model if 0 < len(model) <= MAX_MODEL_LENGTH and model.isprintable() else OTHER
