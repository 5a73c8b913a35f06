"""Signed keys, which need no database: the key itself says what it permits, and a signature protects it.

The format is `sk-sluice-<permissions>.<HMAC-SHA-256>`, both parts in URL-safe base64. itsdangerous signs with a list of
secrets, so that a secret can be rotated while its keys stay valid. Imported only when such a key arrives.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from proxy.call import Grant
from proxy.errors import KeyInvalid
from proxy.settings import parsers
from proxy.settings.parsers import SIGNED_KEY_PREFIX

# The number of fields in every key, and the values of those that may be omitted at its end.
_REQUIRED_FIELDS = 3
_UNLIMITED: tuple[Any, ...] = ("", "", 0, 0, "", 0, 0, 0)
_MAX_LIMIT = 2**53 - 1  # what every store can count to
NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")


@dataclass(frozen=True, slots=True)
class Key:
    """One signed key. `expires` is Unix time in seconds. REVOKED_KEYS lists `id` or `name`."""

    name: str
    id: str
    expires: int
    grant: Grant

    @property
    def log_id(self) -> str:
        """The key's identification in the log."""
        return f"{self.name}/{self.id}"


def mint(key: Key, secrets: Sequence[str]) -> str:
    """Return the key as its holder sends it, signed with the first of the `secrets`."""
    grant = key.grant
    fields: list[Any] = [key.name, key.id, key.expires, ",".join(grant.models), ",".join(grant.paths)]
    fields += [grant.max_output_tokens or 0, grant.budget or 0, grant.period]
    fields += [grant.rpm or 0, grant.tpm or 0, grant.parallel or 0]
    while not fields[-1]:  # omitted where nothing is limited, to keep the key short
        fields.pop()
    signed = _serializer(secrets).dumps(fields)
    return SIGNED_KEY_PREFIX + (signed if isinstance(signed, str) else signed.decode())


def read(text: str, secrets: Sequence[str]) -> Key:
    """Verify and parse a signed key. Raises KeyInvalid if none of the `secrets` signed it."""
    from itsdangerous import BadData

    try:
        fields: list[Any] = list(_serializer(secrets).loads(text.removeprefix(SIGNED_KEY_PREFIX)))
        name, key_id, expires, *rest = [*fields, *_UNLIMITED[len(fields) - _REQUIRED_FIELDS :]]
        models, paths, max_output, budget, period, rpm, tpm, parallel = rest
        limits = (_limit(budget), _period(period, budget), _limit(rpm), _limit(tpm), _limit(parallel))
        grant = Grant(parsers.commas(models), parsers.commas(paths), _limit(max_output), *limits)
        return Key(str(name), str(key_id), int(expires), grant)
    # All but BadData: signed by another version of Sluice.
    except (BadData, ValueError, TypeError, AttributeError, OverflowError):
        raise KeyInvalid(
            "This endpoint did not sign the key that was sent, or the key is incomplete. Copy it again, or ask the "
            "endpoint's owner for a new one."
        ) from None


def _limit(value: Any) -> int | None:
    """A limit as it is in a key, where 0 means none. Nothing else that a number could be limits what a call may do."""
    if type(value) is not int or not 0 <= value <= _MAX_LIMIT:
        raise ValueError("not a limit")
    return value or None


def _period(value: Any, budget: Any) -> str:
    """The period of a budget, and "" where there is none."""
    if value not in (parsers.PERIODS if budget else ("",)):
        raise ValueError("not the period of a budget")
    return str(value)


def admit(text: str, secrets: Sequence[str], revoked: Sequence[str], now: float) -> Key:
    """As `read`, and raises KeyInvalid for a key that has expired by `now` (Unix time) or that the owner revoked."""
    key = read(text, secrets)
    if key.expires <= now:
        raise KeyInvalid(
            "The key that was sent has expired. Ask the endpoint's owner for a new one.", code="expired_key"
        )
    if key.id in revoked or key.name in revoked:
        raise KeyInvalid(
            "The key that was sent is revoked. Ask the endpoint's owner for a new one.", code="revoked_key"
        )
    return key


def _serializer(secrets: Sequence[str]) -> Any:
    from hashlib import sha256

    from itsdangerous import URLSafeSerializer

    options = {"key_derivation": "hmac", "digest_method": sha256}
    return URLSafeSerializer(list(reversed(secrets)), salt="sluice", signer_kwargs=options)  # the last secret signs
