"""What EdgeOne Pages runs for every path: `app`, an ASGI application. All settings are environment variables."""

from __future__ import annotations

import os

# Who may call, said in so many words: a deployment without its keys refuses every call and says what is missing.
# Another mode is a variable of the project: npx edgeone pages env set ACCESS pass-through
os.environ.setdefault("ACCESS", "proxy-key")
# The platform's gateway ends calls that have sent nothing for about 15 s, as public code reports. By default the first
# ping comes after 25 s.
os.environ.setdefault("KEEPALIVE_FIRST_SECONDS", "10")
os.environ.setdefault("KEEPALIVE_SECONDS", "10")

from proxy.adapters.edgeone import EdgeOneApp

app = EdgeOneApp()
