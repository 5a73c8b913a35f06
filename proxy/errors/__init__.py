"""Every error that a caller can get, as one tree. Each class has its HTTP status, code and message.

    ProxyError                base.py
    ├── CallerError             caller.py: the caller can fix it
    │   ├── BadRequest            400  the path or the body cannot be read
    │   │   ├── IncompleteBody         fewer bytes than Content-Length announced
    │   │   └── TooComplex             more values or longer names than Sluice reads
    │   ├── ContextTooLong        400  more tokens than the model accepts
    │   ├── ContentFiltered       400  the owner's content filter refused the prompt
    │   ├── CostTooHigh           400  above the owner's cost limit, or without an upper bound
    │   ├── KeyMissing, KeyInvalid      401
    │   ├── NotProtected, PathNotAllowed, ModelNotAllowed, ReferenceNotAllowed 403
    │   ├── UnknownPath           404  Sluice relays nothing under this path
    │   │   └── Telemetry              a client's telemetry
    │   ├── NotServed             404  no configured upstream serves the API
    │   ├── NoUpstream            404  no configured upstream serves the model
    │   ├── NotCounted            404  no store, so no balance
    │   ├── MethodNotAllowed      405  wrong method for a page of Sluice or for a limited call
    │   ├── RequestTimeout        408  the request was never sent completely
    │   ├── BodyTooLarge          413  above the limit of this server or platform
    │   ├── UnsupportedMedia      415  a body that two parsers could read differently
    │   ├── NoWebSocket           426  a path that works over plain HTTP
    │   ├── HeadersTooLarge       431  above the limit for headers
    │   ├── NotOffered            501  realtime over WebSocket
    │   └── NotInstalled          501  token counting, in a bundle without vocabularies
    ├── CallerError             quota.py: what the caller's key may no longer use
    │   ├── RateLimited           429  too many requests, tokens or calls at a time
    │   └── QuotaSpent            429  the budget does not cover the call
    ├── UpstreamError           upstream.py: the upstream gave no usable answer
    │   ├── UpstreamUnreachable   502  no connection, or TLS failed
    │   ├── UpstreamDisconnected  502  the connection ended before the answer did
    │   ├── UpstreamMalformed     502  the answer is not valid HTTP
    │   ├── UpstreamRedirected    502  a redirect, which SDKs would follow away from Sluice
    │   ├── UpstreamNotReadable   502  Sluice had to read the answer, and it is not JSON
    │   ├── UpstreamNotStreaming  502  not a stream, noticed too late to pass it on
    │   ├── UpstreamTimeout       504  silent for too long
    │   └── UpstreamRefused       the upstream's own status and body, passed on unchanged
    │                           base.py: Sluice itself, its configuration and its platform
    ├── ModerationUnavailable   502  a text could not be checked, and unchecked texts are blocked
    ├── ResponseTooLarge        502  above the platform's limit for answers
    ├── NotCarried              502  a binary answer through a text-only entry point
    ├── DeadlineReached         504  the platform is about to stop the function
    ├── StoreUnavailable        503  store/base.py: the store of budgets cannot be asked
    ├── ClientGone              499  appears in the log only
    ├── ConfigError             500  a setting is wrong; the message names it
    └── Unexpected              500  a bug in Sluice

The JSON has OpenAI's shape, `{"error": {"message", "type", "param", "code"}}`. All four members are always present,
because SDKs read them (platform.openai.com/docs/guides/error-codes, read 2026-11-23).
"""

from __future__ import annotations

from proxy.errors.base import (
    ClientGone,
    ConfigError,
    DeadlineReached,
    ModerationUnavailable,
    NotCarried,
    ProxyError,
    ResponseTooLarge,
    Unexpected,
)
from proxy.errors.caller import (
    BadRequest,
    BodyTooLarge,
    CallerError,
    ContentFiltered,
    ContextTooLong,
    CostTooHigh,
    HeadersTooLarge,
    IncompleteBody,
    KeyInvalid,
    KeyMissing,
    MethodNotAllowed,
    ModelNotAllowed,
    NotCounted,
    NotInstalled,
    NotOffered,
    NotProtected,
    NotServed,
    NoUpstream,
    NoWebSocket,
    PathNotAllowed,
    ReferenceNotAllowed,
    RequestTimeout,
    Telemetry,
    TooComplex,
    UnknownPath,
    UnsupportedMedia,
)
from proxy.errors.upstream import (
    UpstreamDisconnected,
    UpstreamError,
    UpstreamMalformed,
    UpstreamNotReadable,
    UpstreamNotStreaming,
    UpstreamRedirected,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)

__all__ = [
    "BadRequest",
    "BodyTooLarge",
    "CallerError",
    "ClientGone",
    "ConfigError",
    "ContentFiltered",
    "ContextTooLong",
    "CostTooHigh",
    "DeadlineReached",
    "HeadersTooLarge",
    "IncompleteBody",
    "KeyInvalid",
    "KeyMissing",
    "MethodNotAllowed",
    "ModelNotAllowed",
    "ModerationUnavailable",
    "NoUpstream",
    "NoWebSocket",
    "NotCarried",
    "NotCounted",
    "NotInstalled",
    "NotOffered",
    "NotProtected",
    "NotServed",
    "PathNotAllowed",
    "ProxyError",
    "ReferenceNotAllowed",
    "RequestTimeout",
    "ResponseTooLarge",
    "Telemetry",
    "TooComplex",
    "Unexpected",
    "UnknownPath",
    "UnsupportedMedia",
    "UpstreamDisconnected",
    "UpstreamError",
    "UpstreamMalformed",
    "UpstreamNotReadable",
    "UpstreamNotStreaming",
    "UpstreamRedirected",
    "UpstreamRefused",
    "UpstreamTimeout",
    "UpstreamUnreachable",
]
