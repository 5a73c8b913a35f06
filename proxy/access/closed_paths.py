"""Explains why a call is not open with a key of the server's: a mistyped path, a wrong method, or a closed family.

Imported only for such a call.
"""

from __future__ import annotations

from difflib import get_close_matches

from proxy.errors import MethodNotAllowed, PathNotAllowed, ProxyError, UnknownPath
from proxy.wire.path_table import ENDPOINTS, GEMINI_VERSION, endpoint

# GET lists stored chats there (platform.openai.com/docs/api-reference/chat/list, read 2026-11-23). Other inference
# paths have no call with another method than POST.
_STORED = "chat/completions"
# The calls that a mistyped path may have meant. Google's are put together by its SDKs; nobody types them.
_CALLS = tuple(row.path for row in ENDPOINTS if not row.path.startswith(GEMINI_VERSION))
_MODELS = "models"
_SIMILARITY = 0.85  # chat/completion and embedding are closer than this, images/other and audio/voices are not


def error(method: str, path: str) -> ProxyError:
    """The error for a call to `path`, which follows `/v1/`, that neither the API's rules nor ALLOW_PATHS open.

    UnknownPath (404) names the call that was probably meant, MethodNotAllowed (405) the method, and PathNotAllowed
    (403) the setting that opens it.
    """
    if endpoint(path) is not None and path != _STORED:
        return MethodNotAllowed(f"{method} /{_shown(path)} is not a call of the API. Send it with POST.")
    if (meant := _meant(path)) is not None:
        call = f"{'GET' if meant == _MODELS else 'POST'} /v1/{meant}"
        return UnknownPath(f"There is no /{_shown(path)} here. Did you mean {call}? Correct the path.")
    family = path.partition("/")[0]
    # The name of an inference path alone does not open what is below it (stored answers, batches).
    family = f"{family}/*" if endpoint(family) else family
    hint = f" To call a model, send POST /v1/{_STORED}." if path == _STORED else ""
    return PathNotAllowed(
        f"{method} /{_shown(path)} is not open here: with a key that the server holds, only inference is.{hint} "
        f"The owner can open it with ALLOW_PATHS={family}, which opens it to every caller."
    )


def _meant(path: str) -> str | None:
    """The call that a mistyped path is closest to; None if it is not close to any, or is below a call's own path."""
    if any(path == call or path.startswith(f"{call}/") for call in (*_CALLS, _MODELS)):
        return None
    if path == _STORED.partition("/")[0]:
        return _STORED
    # The length is bounded because comparing takes quadratic time.
    close = get_close_matches(path[:60].lower(), (*_CALLS, _MODELS), 1, _SIMILARITY)
    return close[0] if close else None


def _shown(path: str) -> str:
    """The path from the root. Google's begin with their own version."""
    return path if path.startswith(GEMINI_VERSION) else f"v1/{path}"
