"""The entry points that platforms name, and nothing else.

`app` is for any ASGI server: `uvicorn handler:app`.
"""

from proxy.adapters.asgi import App

app = App()
