"""What Vercel runs: `app`, an ASGI application. All settings are environment variables of the project."""

from __future__ import annotations

import os

# Who may call, said in so many words: a deployment without its keys refuses every call and says what is missing.
# Another mode is a variable of the project: npx vercel env add ACCESS
os.environ.setdefault("ACCESS", "proxy-key")

from proxy.adapters.vercel import app

__all__ = ["app"]
