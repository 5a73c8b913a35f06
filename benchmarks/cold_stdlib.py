"""The least that a function in Python can do for the same call: the standard library, no feature, no event loop.

A script for a fresh interpreter; its arguments are the request's body and the upstream's port. Prints the seconds of
CPU that the process has used when the answer is complete.
"""

import http.client
import ssl
import sys
import time

import certifi


def first_call(body: str, port: int) -> None:
    """Make one call, with the TLS context that a real upstream would need: Sluice makes one at its start, too."""
    ssl.create_default_context(cafile=certifi.where())
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": "Bearer sk-bench", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    response = connection.getresponse()
    assert response.status == 200, response.status
    assert response.read()
    print(time.process_time(), flush=True)
    connection.close()


if __name__ == "__main__":
    first_call(sys.argv[1], int(sys.argv[2]))
