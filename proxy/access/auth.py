"""Who may call, and with whose upstream key: the design's access table, in one function."""

from __future__ import annotations

from proxy.call import Caller
from proxy.errors import KeyInvalid, KeyMissing, NotProtected, PathNotAllowed
from proxy.messages import Headers
from proxy.settings.config import Config
from proxy.settings.parsers import SIGNED_KEY_PREFIX
from proxy.wire.path_table import endpoint, is_inference, is_listing
from proxy.wire.paths import Route


def mode(config: Config) -> str:
    """How callers get in: open, closed, proxy-key, own-key or own-key-and-proxy-key."""
    if any(one.holds for one in config.providers):
        if config.proxy_key or config.signing_secret:
            return "proxy-key"
        return "open" if config.allow_anonymous or config.demo else "closed"
    return "own-key-and-proxy-key" if config.proxy_key else "own-key"


def credential(headers: Headers) -> str:
    """What the caller sent to identify itself: Bearer, else `api-key` (Azure), else `x-api-key`; or ''."""
    sent = (headers.get("authorization") or "").strip()
    scheme, _, rest = sent.partition(" ")
    if scheme.lower() == "bearer":
        sent = rest.strip()
    return sent or (headers.get("api-key") or "").strip() or (headers.get("x-api-key") or "").strip()


def admit(headers: Headers, config: Config, now: float) -> Caller:
    """The caller behind these headers; `now` is Unix time in seconds, which a minted key may have outlived.

    Raises KeyMissing or KeyInvalid (401) with what to send instead, NotProtected (403) where a server that holds a
    key lets in everybody without saying so.
    """
    how = mode(config)
    if how == "closed":
        raise NotProtected
    if how == "open":
        return Caller(None, "anonymous")
    sent = credential(headers)
    if how == "proxy-key":
        hint = "Send the key that this endpoint's owner gave you: Authorization: Bearer <PROXY_KEY>."
        if not sent:
            raise KeyMissing(f"No key was sent. {hint}")
        key = sent.rpartition(":")[2]
        if key.startswith(SIGNED_KEY_PREFIX) and config.signing_secret:
            from proxy.access import signed_keys  # only for those who come with such a key

            found = signed_keys.admit(key, config.signing_secret, config.revoked_keys, now)
            return Caller(None, found.shown, found.grant)
        return Caller(None, _proxy_key_id(key, config, hint))
    hint = "Send your provider's key: Authorization: Bearer <your key>."
    own, key_id = sent, "own"
    if how == "own-key-and-proxy-key":
        hint = (
            "Send your provider's key and, behind a colon, the key that this endpoint's owner gave you: "
            "Authorization: Bearer <your key>:<PROXY_KEY>."
        )
        if sent:
            own, _, proxy_key = sent.rpartition(":")
            key_id = _proxy_key_id(proxy_key, config, hint)
    if not own:
        raise KeyMissing(f"No provider key was sent. {hint}")
    # Also behind another colon, or another `Bearer`: none of these may ever go up.
    parts = own.replace(":", " ").split()
    ours = any(part.startswith(SIGNED_KEY_PREFIX) or _matching(part, config.proxy_key) for part in parts)
    if ours or " " in own or not (own.isascii() and own.isprintable()):
        raise KeyInvalid(f"The key that was sent is not a provider's key. {hint}")
    return Caller(own, key_id)


def check_path(caller: Caller, method: str, route: Route, config: Config) -> None:
    """With a server-held key only inference is open, for files and the like belong to the owner's whole account.

    A minted key may be for less than that. Raises PathNotAllowed (403).
    """
    if caller.own_key:
        return
    granted = caller.grant.paths if caller.grant else ()
    if granted and not _is_below(route.path, granted) and not is_listing(method, route.path):
        raise PathNotAllowed(f"This key is not for /v1/{route.path}. It is for: {', '.join(granted)}.")
    if is_inference(method, route.path) or any(_opens(one, route.path) for one in config.allow_paths):
        return
    family = route.path.partition("/")[0]
    # What is below an inference path (stored answers, batches) is not meant by its name alone.
    family = f"{family}/*" if endpoint(family) else family
    raise PathNotAllowed(
        f"{method} /v1/{route.path} is not open here: with a key that the server holds, only inference is. "
        f"The owner can open it with ALLOW_PATHS={family}, which opens it to every caller."
    )


def _is_below(path: str, families: tuple[str, ...]) -> bool:
    return any(family in ("*", path) or path.startswith(f"{family}/") for family in families)


def _opens(opened: str, path: str) -> bool:
    """Whether an entry of ALLOW_PATHS opens a path: `files` all files, `responses/*` all stored responses."""
    if opened.endswith("/*"):
        return path.startswith(opened[:-1])
    return path == opened if endpoint(opened) else _is_below(path, (opened,))


def _matching(sent: str, keys: tuple[str, ...]) -> int:
    """The number of the key that equals `sent`, from 1, or 0; takes the same time wherever they differ."""
    from hmac import compare_digest  # brings OpenSSL's hashes along, which not every call needs

    found = 0
    for position, key in enumerate(keys, 1):
        # An event may hold half of a character, where a socket cannot.
        if compare_digest(sent.encode("utf-8", "surrogatepass"), key.encode()):
            found = position
    return found


def _proxy_key_id(sent: str, config: Config, hint: str) -> str:
    if not (position := _matching(sent, config.proxy_key)):
        raise KeyInvalid(f"The key that was sent is not one of this endpoint's. {hint}")
    return f"proxy-key-{position}"
