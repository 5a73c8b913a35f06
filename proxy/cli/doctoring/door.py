"""The endpoint as a caller has it: one client whose answers are looked at, however wrong they are."""

from __future__ import annotations

import json
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from proxy import __version__

SECONDS = 60.0  # the longest silence that is waited for: twice what the strictest gateway grants
READ_MOST = 2_000_000


@dataclass
class Heard:
    """One answer. `status` is 0 and `lost` says why when there was none; times are seconds on time.time's clock."""

    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytes = b""
    began: float = 0.0
    seconds: float = 0.0
    local_port: Any = None
    lost: str = ""

    @property
    def ms(self) -> int:
        return round(self.seconds * 1000)

    @property
    def json(self) -> dict[str, Any]:
        """The body's JSON object, {} for anything else."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def error(self) -> dict[str, Any]:
        """OpenAI's `error` object, {} where there is none."""
        found = self.json.get("error")
        return found if isinstance(found, dict) else {}

    @property
    def what(self) -> str:
        """The answer in a few words that need no translation."""
        if not self.status:
            return self.lost
        if message := self.error.get("message"):
            return f"HTTP {self.status}, {message}"
        kind = self.headers.get("content-type", "").partition(";")[0]
        moved = self.headers.get("location")
        return ", ".join(part for part in (f"HTTP {self.status}", kind, f"→ {moved}" if moved else "") if part)


class Door:
    """Calls below `root`, the base URL without its /v1. `key` is the caller's, or ''."""

    def __init__(self, root: str, key: str, context: ssl.SSLContext, seconds: float = SECONDS) -> None:
        self.root, self.key = root, key
        self.client = httpx.Client(
            verify=context,
            timeout=httpx.Timeout(seconds, connect=10.0),
            headers={"accept-encoding": "identity", "user-agent": f"sluice-doctor/{__version__}"},
        )

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def authorised(self, key: str | None = None) -> dict[str, str]:
        """The header that carries `key`, or this door's own."""
        sent = self.key if key is None else key
        return {"authorization": f"Bearer {sent}"} if sent else {}

    def ask(self, path: str, method: str = "GET", *, key: str | None = None, **more: Any) -> Heard:
        """One whole call; `path` begins with a slash, or is a whole address. Raises nothing."""
        headers = {**self.authorised(key), **more.pop("headers", {})}
        url = path if "://" in path else self.root + path
        began, started = time.time(), time.monotonic()
        heard = Heard(began=began)
        try:
            with self.client.stream(method, url, headers=headers, **more) as response:
                heard.status, heard.headers = response.status_code, response.headers
                stream = response.extensions.get("network_stream")
                heard.local_port = stream.get_extra_info("client_addr") if stream else None
                for piece in response.iter_raw():
                    heard.body += piece
                    if len(heard.body) > READ_MOST:
                        break
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            heard.status, heard.lost = 0, reason(error)
        heard.seconds = time.monotonic() - started
        return heard


def reason(error: Exception) -> str:
    """Why there is no answer, short."""
    return "timeout" if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__
