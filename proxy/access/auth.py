"""Who may call, and whose upstream key the call uses."""

from __future__ import annotations

from urllib.parse import unquote_plus

from proxy.call import Caller
from proxy.errors import KeyInvalid, KeyMissing, NotProtected, PathNotAllowed
from proxy.messages import Headers, Request
from proxy.settings.apis import API_KEY, GOOG_API_KEY, X_API_KEY
from proxy.settings.config import Config
from proxy.settings.parsers import SIGNED_KEY_PREFIX
from proxy.wire.path_table import endpoint, is_inference, is_listing
from proxy.wire.paths import Route

# The headers that name a key: Azure's, Anthropic's and Google's.
_KEY_HEADERS = (API_KEY, X_API_KEY, GOOG_API_KEY)
# Parameters with which Google's API takes a credential. They must neither reach a log nor an upstream.
_KEY_PARAMETERS = ("key", "access_token", "oauth_token")


def move_query_key(request: Request) -> None:
    """Move the key in the query of a request to Google's API, if it has one, into `x-goog-api-key`."""
    parts = request.query.split("&")
    kept = [part for part in parts if unquote_plus(part.partition("=")[0]) not in _KEY_PARAMETERS]
    if len(kept) == len(parts):
        return
    keys = [unquote_plus(part.partition("=")[2]) for part in parts if unquote_plus(part.partition("=")[0]) == "key"]
    request.query = "&".join(kept)
    if keys and GOOG_API_KEY not in request.headers:
        request.headers.set(GOOG_API_KEY, keys[0])


def credential(headers: Headers) -> str:
    """Return the caller's credential, "" if there is none: the Bearer token or one of _KEY_HEADERS.

    `Authorization` with another scheme is for somebody else on the way (AWS's signature, a gateway's password), so it
    counts only if no other header has a key.
    """
    authorization = (headers.get("authorization") or "").strip()
    scheme, space, token = authorization.partition(" ")
    is_foreign = False
    if scheme.lower() == "bearer":
        authorization = token.strip()
        if authorization:
            return authorization
    else:
        is_foreign = bool(space)
    named = ""
    for name in _KEY_HEADERS:
        if name in headers and (named := (headers.get(name) or "").strip()):
            break
    return named or authorization if is_foreign else authorization or named


def admit(headers: Headers, config: Config, now: float) -> Caller:
    """Authenticate the caller. `now` is Unix time in seconds, for the expiry of signed keys.

    Raises KeyMissing or KeyInvalid (401) with instructions, NotProtected (403) if the server holds a key but has no
    access control.
    """
    access = config.access_mode
    if access == "closed":
        raise NotProtected
    if access == "open":
        return Caller(None, "anonymous")
    sent = credential(headers)
    if access == "proxy-key":
        hint = "Send the key that this endpoint's owner gave you: Authorization: Bearer <PROXY_KEY>."
        if not sent:
            raise KeyMissing(f"No key was sent. {hint}")
        key = sent.rpartition(":")[2]
        if key.startswith(SIGNED_KEY_PREFIX) and config.signing_secret:
            from proxy.access import signed_keys  # only calls with such a key need it

            signed_key = signed_keys.admit(key, config.signing_secret, config.revoked_keys, now)
            return Caller(None, signed_key.log_id, signed_key.grant, signed_key.expires)
        return Caller(None, _proxy_key_id(key, config, hint))
    hint = "Send your provider's key: Authorization: Bearer <your key>."
    own_key, key_id = sent, "own"
    if access == "own-key-and-proxy-key":
        hint = (
            "Send your provider's key and, after a colon, the key that this endpoint's owner gave you: "
            "Authorization: Bearer <your key>:<PROXY_KEY>."
        )
        if sent:
            own_key, _, proxy_key = sent.rpartition(":")
            key_id = _proxy_key_id(proxy_key, config, hint)
    if not own_key:
        raise KeyMissing(f"No provider key was sent. {hint}")
    # Signed keys and proxy keys must never go up, not even after another colon or another `Bearer`.
    parts = own_key.replace(":", " ").split()
    ours = (*config.proxy_key, *([config.admin_key] if config.admin_key else []))
    has_signed_key = SIGNED_KEY_PREFIX in own_key and any(part.startswith(SIGNED_KEY_PREFIX) for part in parts)
    has_proxy_key = bool(ours) and any(_match_position(part, ours) for part in parts)
    if has_signed_key or has_proxy_key or " " in own_key or not (own_key.isascii() and own_key.isprintable()):
        raise KeyInvalid(f"The key that was sent is not a provider's key. {hint}")
    return Caller(own_key, key_id)


def is_admin(headers: Headers, config: Config) -> bool:
    """Whether the caller sends ADMIN_KEY, which makes no calls but sees what all keys have spent."""
    return config.admin_key is not None and bool(_match_position(credential(headers), (config.admin_key,)))


def check_path(caller: Caller, method: str, route: Route, config: Config) -> None:
    """Raise PathNotAllowed (403) for a path that is not open to this caller, UnknownPath (404) for a mistyped one.

    A method that no call of the path has is MethodNotAllowed (405).

    With a server-held key only inference is open, because files and the like belong to the owner's whole account. A
    signed key may allow less than that.
    """
    if caller.own_key:
        return
    granted = caller.grant.paths if caller.grant else ()
    if granted and not _is_below(route.path, granted) and not is_listing(method, route.path):
        raise PathNotAllowed(f"This key is not for /v1/{route.path}. It is for: {', '.join(granted)}.")
    if is_inference(method, route.path) or any(_opens(entry, route.path) for entry in config.allow_paths):
        return
    from proxy.access import closed_paths  # most calls do not need it

    raise closed_paths.error(method, route.path)


def _is_below(path: str, families: tuple[str, ...]) -> bool:
    return any(family in ("*", path) or path.startswith(f"{family}/") for family in families)


def _opens(entry: str, path: str) -> bool:
    """Whether an entry of ALLOW_PATHS opens a path: `files` opens all files, `responses/*` all stored responses."""
    if entry.endswith("/*"):
        return path.startswith(entry[:-1])
    return path == entry if endpoint(entry) else _is_below(path, (entry,))


def _match_position(sent: str, keys: tuple[str, ...]) -> int:
    """Return the position, from 1, of the key that equals `sent`, else 0. Takes constant time for each key."""
    from hmac import compare_digest  # loads OpenSSL's hashes, which not every call needs

    match = 0
    for position, key in enumerate(keys, 1):
        # Unlike a socket, an event may hold a lone surrogate.
        if compare_digest(sent.encode("utf-8", "surrogatepass"), key.encode()):
            match = position
    return match


def _proxy_key_id(sent: str, config: Config, hint: str) -> str:
    if not (position := _match_position(sent, config.proxy_key)):
        raise KeyInvalid(f"The key that was sent is not one of this endpoint's. {hint}")
    return f"proxy-key-{position}"
