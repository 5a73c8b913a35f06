"""The order in which a call tries targets of equal priority.

Providers cache prompts for each account, so the turns of a conversation should reach the same key. Instances share no
state: each one ranks the targets by a hash of the conversation and the target (rendezvous hashing), and all come to the
same order. A target that is added or removed moves only its own share of the conversations. Calls that belong to no
conversation are spread by chance.
"""

from __future__ import annotations

from typing import Any

from proxy.call import Call
from proxy.upstream import Target

# Headers that name the session, the same in each of its calls: those of Claude Code, Codex and pi (both spellings),
# OpenCode, Amp and others (github.com/router-for-me/CLIProxyAPI, issues 3089 and 4452; github.com/Wei-Shaw/sub2api,
# pull request 1578; read 2026-11-26). `x-client-request-id` is not one of them: most clients send another each time.
SESSION_HEADERS = (
    "x-claude-code-session-id",
    "session-id",
    "session_id",
    "x-session-id",
    "x-session-affinity",
    "x-amp-thread-id",
    "thread-id",
    "conversation_id",
)
# The beginning of a prompt: this many characters of its first system text and of its first user text. A text to
# complete grows with each turn, so less of it counts.
MAX_CHARACTERS, MAX_COMPLETED = 2_000, 200
# Where these are not found among so many messages or parts, the call belongs to no conversation.
_MAX_ITEMS = 50
_SYSTEM_ROLES = ("system", "developer")


def ordered(call: Call, targets: list[Target]) -> list[Target]:
    """Return the targets in the order in which the call tries them."""
    name = conversation(call)
    if name is not None:
        return ranked(name, targets)
    remaining = [*targets]
    return [remaining.pop(call.host.choose(len(remaining)) if len(remaining) > 1 else 0) for _ in targets]


def ranked(name: str, targets: list[Target]) -> list[Target]:
    """Return the targets in the order for the conversation `name`, whatever order they are in."""
    # Loads OpenSSL's hashes, which a single target does not need.
    from hashlib import blake2b

    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def score(target: Target) -> bytes:
        identity = f"{target.name}\0{target.key}".encode("utf-8", "surrogatepass")
        return blake2b(blake2b(identity, digest_size=16).digest() + digest, digest_size=16).digest()

    return sorted(targets, key=score)


def conversation(call: Call) -> str | None:
    """Return what all calls of a conversation have in common, None if the call has nothing of the kind."""
    document = call.body.document
    key = document.get("prompt_cache_key") if document else None
    if isinstance(key, str) and key:
        return f"key {key[:MAX_CHARACTERS]}"
    for name in SESSION_HEADERS:
        if value := call.request.headers.get(name):
            return f"session {value[:MAX_CHARACTERS]}"
    beginning = _beginning(call) if document else None
    return f"text {beginning}" if beginning else None


def _beginning(call: Call) -> str | None:
    """Return the first system text and the first user text, as far as they are read."""
    document = call.body.document
    row = call.endpoint
    if document is None or row is None or not row.writes:
        return None
    system = user = None
    for name in ("instructions", "system"):
        system = system or _text(document.get(name))
    for name, max_length in (("messages", 0), ("input", MAX_CHARACTERS), ("prompt", MAX_COMPLETED)):
        value = document.get(name)
        if isinstance(value, str):
            user = user or value[:max_length]
        for item in value[:_MAX_ITEMS] if isinstance(value, list) else ():
            if not isinstance(item, dict):
                continue
            if item.get("role") in _SYSTEM_ROLES:
                system = system or _text(item.get("content"))
            elif item.get("role") == "user":
                user = user or _text(item.get("content"))
            if user:
                break
    return f"{system or ''}\0{user or ''}" if system or user else None


def _text(content: Any) -> str:
    """Return the beginning of a message's text; "" if it has none."""
    if isinstance(content, str):
        return content[:MAX_CHARACTERS]
    parts = content[:_MAX_ITEMS] if isinstance(content, list) else ()
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "".join(text[:MAX_CHARACTERS] for text in texts)[:MAX_CHARACTERS]
