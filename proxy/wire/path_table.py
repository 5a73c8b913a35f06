"""The paths of the API below `/v1`, as one table: what may be called with a server's key, and what limits hold there.

Whoever needs to know something about a path asks this table. Sources: platform.openai.com/docs/api-reference (read
2026-11-23), docs.anthropic.com/en/api/messages (Messages), docs.cohere.com/reference/rerank (rerank).
"""

from __future__ import annotations

from dataclasses import dataclass

# How a ceiling on a call's cost can be held: input and output are tokens with a price; only input is; nothing is paid;
# nobody knows beforehand.
TOKENS, INPUT, FREE, UNKNOWN = "tokens", "input", "free", "unknown"
# What `Endpoint.protocol` is where a path has no protocol of its own.
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call that has a model answer something and leaves nothing behind: what a server's own key is open for.

    `path` is what follows `/v1/`. `protocol` is the module of proxy/protocols that knows its streams. `form`: it takes
    multipart/form-data. `prompt` are the members that hold what the caller wrote, the one that errors name first.
    `limits` are the members that limit an answer's tokens, the newest name first. `generates`: it makes something whose
    length is paid for; `writes`: that is a model's own text. `cost` is one of the words above. `deployed`: Azure has it
    below a deployment.
    """

    path: str
    protocol: str = OTHER
    form: bool = False
    prompt: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    generates: bool = False
    writes: bool = False
    cost: str = UNKNOWN
    deployed: bool = False


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "chat/completions",
        protocol="chat",
        prompt=("messages", "prediction"),
        limits=("max_completion_tokens", "max_tokens"),
        generates=True,
        writes=True,
        cost=TOKENS,
        deployed=True,
    ),
    Endpoint(
        "completions",
        protocol="completions",
        prompt=("prompt", "suffix"),
        limits=("max_tokens",),
        generates=True,
        writes=True,
        cost=TOKENS,
        deployed=True,
    ),
    Endpoint(
        "responses",
        protocol="responses",
        prompt=("input", "instructions", "prompt"),
        limits=("max_output_tokens",),
        generates=True,
        writes=True,
        cost=TOKENS,
    ),
    Endpoint("responses/input_tokens", prompt=("input", "instructions"), cost=FREE),
    Endpoint("responses/compact", prompt=("input", "instructions"), generates=True, writes=True),
    Endpoint(
        "messages",
        prompt=("messages", "system"),
        limits=("max_tokens",),
        generates=True,
        writes=True,
        cost=TOKENS,
    ),
    Endpoint("messages/count_tokens", prompt=("messages", "system"), cost=FREE),
    Endpoint("embeddings", prompt=("input",), cost=INPUT, deployed=True),
    Endpoint("rerank", prompt=("query", "documents")),
    Endpoint("moderations", prompt=("input",), cost=FREE),
    Endpoint("audio/speech", prompt=("input", "instructions"), generates=True, deployed=True),
    Endpoint("audio/transcriptions", form=True, prompt=("prompt",), generates=True, deployed=True),
    Endpoint("audio/translations", form=True, prompt=("prompt",), generates=True, deployed=True),
    Endpoint("images/generations", prompt=("prompt",), generates=True, deployed=True),
    Endpoint("images/edits", form=True, prompt=("prompt",), generates=True, deployed=True),
    Endpoint("images/variations", form=True, generates=True),
)
_BY_PATH = {one.path: one for one in ENDPOINTS}
# Shaped like the API's own POST /v1/responses/input_tokens, which only OpenAI has; answered here.
INPUT_TOKENS = "chat/completions/input_tokens"
_BY_PATH[INPUT_TOKENS] = _BY_PATH["chat/completions"]

# First segments of the API and of its usual relatives.
FAMILIES = frozenset(
    "assistants audio batches chat completions containers conversations embeddings evals files fine_tuning images "
    "messages models moderations organization realtime rerank responses skills threads uploads vector_stores "
    "videos".split()
)
# Families whose calls may be forms: files of some kind.
_FORM_FAMILIES = frozenset("audio containers files images realtime skills uploads videos".split())
# Families that store something and have no model generate anything; the first ones at a price of their own.
_PAID_STORES = frozenset("containers vector_stores".split())
_STORES = frozenset("conversations files skills uploads".split())


def endpoint(path: str) -> Endpoint | None:
    """The row for a path below `/v1`, None for one that is no inference."""
    return _BY_PATH.get(path)


def protocol_below(path: str) -> str:
    """The protocol of a path, or of the call that made what lies below it: stored and background answers."""
    rows = (row for row in ENDPOINTS if row.protocol != OTHER)
    return next((row.protocol for row in rows if path == row.path or path.startswith(f"{row.path}/")), OTHER)


def row_of(protocol: str) -> Endpoint | None:
    """The row of a protocol's own path, None for no protocol."""
    return next((row for row in ENDPOINTS if row.protocol == protocol != OTHER), None)


def takes_form(path: str) -> bool:
    """Whether a POST to this path may be multipart/form-data."""
    row = endpoint(path)
    return row.form if row else path.partition("/")[0] in _FORM_FAMILIES


def only_stores(path: str, free: bool = False) -> bool:
    """Whether a call to this path, which is no inference, cannot have a model generate anything; `free`: nor cost."""
    family = path.partition("/")[0]
    return endpoint(path) is None and (family in _STORES or (not free and family in _PAID_STORES))


def is_listing(method: str, path: str) -> bool:
    """Whether the call asks which models there are, or after one of them."""
    return method in ("GET", "HEAD") and (path == "models" or path.startswith("models/"))


def is_inference(method: str, path: str) -> bool:
    """Whether the call has a model answer something and leaves nothing behind, or lists models."""
    return endpoint(path) is not None if method == "POST" else is_listing(method, path)
