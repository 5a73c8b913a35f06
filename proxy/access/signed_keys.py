"""Keys that an owner mints without a database: everything a key may do stands in it, under a signature.

`sk-sluice-<what it may>.<HMAC-SHA-256>`, both in URL-safe base64. The signing is itsdangerous', which takes a list of
secrets, so that a secret can be changed while its keys live on. Imported only when such a key arrives.
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

# What stands in every key, and what may be left out at its end.
_ALWAYS = 3
_UNLIMITED: tuple[Any, ...] = ("", "", 0)
NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")


@dataclass(frozen=True, slots=True)
class Key:
    """One minted key. `expires` is Unix time in seconds; `id` is what REVOKED_KEYS names, as well as `name`."""

    name: str
    id: str
    expires: int
    grant: Grant

    @property
    def shown(self) -> str:
        """The key's name for the log."""
        return f"{self.name}/{self.id}"


def mint(key: Key, secrets: Sequence[str]) -> str:
    """The key as its holder sends it, signed with the first of the `secrets`."""
    grant = key.grant
    fields: list[Any] = [key.name, key.id, key.expires, ",".join(grant.models), ",".join(grant.paths)]
    fields.append(grant.max_output_tokens or 0)
    while not fields[-1]:  # what is not limited takes no room, for a key should be short
        fields.pop()
    signed = _serializer(secrets).dumps(fields)
    return SIGNED_KEY_PREFIX + (signed if isinstance(signed, str) else signed.decode())


def read(text: str, secrets: Sequence[str]) -> Key:
    """The key behind `text`. Raises KeyInvalid where none of the `secrets` has signed it."""
    from itsdangerous import BadData

    try:
        fields: list[Any] = list(_serializer(secrets).loads(text.removeprefix(SIGNED_KEY_PREFIX)))
        name, key_id, expires, models, paths, most = [*fields, *_UNLIMITED[len(fields) - _ALWAYS :]]
        grant = Grant(parsers.commas(models), parsers.commas(paths), int(most) or None)
        return Key(str(name), str(key_id), int(expires), grant)
    except (BadData, ValueError, TypeError, AttributeError):  # all but the first: signed by another version of this
        raise KeyInvalid(
            "The minted key that was sent was not signed by this endpoint, or is not complete. Copy it once more, or "
            "ask its owner for another one."
        ) from None


def admit(text: str, secrets: Sequence[str], revoked: Sequence[str], now: float) -> Key:
    """As `read`. Raises KeyInvalid for a key that has expired by `now` (Unix time) or that the owner has revoked."""
    key = read(text, secrets)
    if key.expires <= now:
        raise KeyInvalid("The minted key that was sent has expired. Ask its owner for another one.", code="expired_key")
    if key.id in revoked or key.name in revoked:
        raise KeyInvalid("The minted key that was sent was revoked. Ask its owner for another one.", code="revoked_key")
    return key


def _serializer(secrets: Sequence[str]) -> Any:
    from hashlib import sha256

    from itsdangerous import URLSafeSerializer

    kinds = {"key_derivation": "hmac", "digest_method": sha256}
    return URLSafeSerializer(list(reversed(secrets)), salt="sluice", signer_kwargs=kinds)  # the last one signs
