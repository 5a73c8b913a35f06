"""Debian's nginx as a gateway in front of a function."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.support import parts
from tests.support.process import free_port, process


@contextlib.contextmanager
def buffering(behind: int, folder: Path) -> Iterator[int]:
    """The port of an nginx in front of port `behind`, buffering as it does unless it is told otherwise."""
    nginx = parts.need("nginx")
    port = free_port()
    (folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    # HTTP/1.0 to the function: what comes in HTTP chunks nginx hands on at once even where it buffers.
    proxy_buffering on; proxy_http_version 1.0;
    location / {{ proxy_pass http://127.0.0.1:{behind}; }}
  }}
}}
""")
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with process(command, port):
        yield port
