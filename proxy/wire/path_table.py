"""The API's paths below `/v1`, as one table: which of them a server's key opens, and which limits apply.

All code that needs to know something about a path asks this table. Sources: platform.openai.com/docs/api-reference
(read 2026-11-23), docs.anthropic.com/en/api/messages (Messages), docs.cohere.com/reference/rerank (rerank).
"""

from __future__ import annotations

from typing import NamedTuple

# How a call's cost can be limited: input and output tokens have a price; only input tokens have one; the call is free;
# the cost is unknown in advance.
TOKENS, INPUT, FREE, UNKNOWN = "tokens", "input", "free", "unknown"
# `Endpoint.protocol` of a path without a protocol.
OTHER = "other"
# The APIs: OpenAI's without Responses, which some providers serve elsewhere, Anthropic's and Google's.
OPENAI, RESPONSES, MESSAGES, GEMINI = "openai", "responses", "messages", "gemini"
# How paths of Google's API begin. Its version is part of the path, as OpenAI's and Anthropic's `v1` is not.
GEMINI_VERSION = "v1beta"
_GEMINI_MODELS = f"{GEMINI_VERSION}/models/"


class Endpoint(NamedTuple):
    """An inference call: a model answers, and nothing is stored. These are the calls that a server-held key opens.

    - `path`: what follows `/v1/`; in Google's API all of it, with `{model}` for the model.
    - `protocol`: the module of proxy/protocols that knows its streams.
    - `api`: the API that it belongs to.
    - `form`: it accepts multipart/form-data.
    - `prompt`: the members with the caller's text; errors name the first.
    - `limits`: the members that limit the tokens of an answer, the newest name first.
    - `generates`: the length of what it generates is paid for; `writes`: it generates a model's text.
    - `cost`: one of the constants above.
    - `deployed`: Azure serves it below a deployment.
    - `translated`: its calls can be translated for an upstream that serves another API.
    """

    path: str
    protocol: str = OTHER
    api: str = OPENAI
    form: bool = False
    prompt: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    generates: bool = False
    writes: bool = False
    cost: str = UNKNOWN
    deployed: bool = False
    translated: bool = False


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
        translated=True,
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
        api=RESPONSES,
        prompt=("input", "instructions", "prompt"),
        limits=("max_output_tokens",),
        generates=True,
        writes=True,
        cost=TOKENS,
        translated=True,
    ),
    Endpoint("responses/input_tokens", api=RESPONSES, prompt=("input", "instructions"), cost=FREE),
    Endpoint("responses/compact", api=RESPONSES, prompt=("input", "instructions"), generates=True, writes=True),
    Endpoint(
        "messages",
        protocol="messages",
        api=MESSAGES,
        prompt=("messages", "system"),
        limits=("max_tokens",),
        generates=True,
        writes=True,
        cost=TOKENS,
        translated=True,
    ),
    Endpoint("messages/count_tokens", api=MESSAGES, prompt=("messages", "system"), cost=FREE),
    *(
        Endpoint(
            f"v1beta/models/{{model}}:{method}",
            protocol="gemini",
            api=GEMINI,
            prompt=("contents", "systemInstruction"),
            limits=("generationConfig.maxOutputTokens",),
            generates=True,
            writes=True,
            cost=TOKENS,
        )
        for method in ("generateContent", "streamGenerateContent")
    ),
    Endpoint("v1beta/models/{model}:countTokens", api=GEMINI, prompt=("contents",), cost=FREE),
    Endpoint("v1beta/models/{model}:embedContent", api=GEMINI, prompt=("content",), cost=INPUT),
    Endpoint("v1beta/models/{model}:batchEmbedContents", api=GEMINI, prompt=("requests",), cost=INPUT),
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
_BY_PATH = {row.path: row for row in ENDPOINTS}
# The APIs of whole families, which include stored answers and batches.
_FAMILY_APIS = {row.path.partition("/")[0]: row.api for row in ENDPOINTS if row.api != OPENAI}
# Modelled on POST /v1/responses/input_tokens, which only OpenAI has. Sluice answers it.
INPUT_TOKENS = "chat/completions/input_tokens"
_BY_PATH[INPUT_TOKENS] = _BY_PATH["chat/completions"]

# First segments of the paths of the API and of compatible ones.
FAMILIES = frozenset(
    "assistants audio batches chat completions containers conversations embeddings evals files fine_tuning images "
    "messages models moderations organization realtime rerank responses skills threads uploads vector_stores "
    "videos".split()
)
# Families whose calls may be forms, because they upload files.
_FORM_FAMILIES = frozenset("audio containers files images realtime skills uploads videos".split())
# Families that store something without generating anything. The first ones have a price of their own.
_PAID_STORES = frozenset("containers vector_stores".split())
_STORES = frozenset("conversations files skills uploads".split())


def endpoint(path: str) -> Endpoint | None:
    """The row of a path; None if it is not inference."""
    return _BY_PATH.get(path) or (_BY_PATH.get(_generic(path)) if path.startswith(GEMINI_VERSION) else None)


def api(path: str) -> str:
    """The API that a path belongs to."""
    return _FAMILY_APIS.get(path.partition("/")[0], OPENAI)


def path_model(path: str) -> str | None:
    """The model in a path of Google's API, percent-encoded as received; None if there is none."""
    rest = path.removeprefix(_GEMINI_MODELS)
    model = rest.rpartition(":")[0] or rest
    return model if path.startswith(_GEMINI_MODELS) and model and "/" not in model else None


def with_model(path: str, name: str) -> str:
    """A path of Google's API that has a model, with `name` in its place."""
    rest = path.removeprefix(_GEMINI_MODELS)
    return f"{_GEMINI_MODELS}{name}{rest[len(path_model(path) or '') :]}"


def _generic(path: str) -> str:
    """A path of Google's API with `{model}` for its model."""
    return path if path_model(path) is None else with_model(path, "{model}")


def protocol_below(path: str) -> str:
    """The protocol of a path, or of the call that created what lies below it: stored and background answers."""
    generic, is_gemini = _generic(path), api(path) == GEMINI
    rows = (row for row in ENDPOINTS if row.protocol != OTHER)
    return next(
        (
            row.protocol
            for row in rows
            if generic == row.path or path.startswith(f"{row.path}/") or (is_gemini and row.api == GEMINI)
        ),
        OTHER,
    )


def row_of(protocol: str) -> Endpoint | None:
    """The row of a protocol's own path; None for OTHER."""
    return next((row for row in ENDPOINTS if row.protocol == protocol != OTHER), None)


def takes_form(path: str) -> bool:
    """Whether a POST to this path may be multipart/form-data."""
    row = endpoint(path)
    return row.form if row else path.partition("/")[0] in _FORM_FAMILIES


def only_stores(path: str, free: bool = False) -> bool:
    """Whether a call to this path, which is not inference, cannot generate anything nor, if `free`, cost anything."""
    family = path.partition("/")[0]
    return endpoint(path) is None and (family in _STORES or (not free and family in _PAID_STORES))


def is_listing(method: str, path: str) -> bool:
    """Whether the call lists models or retrieves one."""
    path = path.removeprefix(f"{GEMINI_VERSION}/")
    return method in ("GET", "HEAD") and (path == "models" or path.startswith("models/"))


def is_inference(method: str, path: str) -> bool:
    """Whether the call is inference that stores nothing, or lists models."""
    return endpoint(path) is not None if method == "POST" else is_listing(method, path)
