"""Sluice: your own LLM endpoint on any cloud function. One stateless core, thin adapters."""

import sys

__version__ = "0.2.0"
MIN_PYTHON = (3, 10)

# Checked before anything else is imported: an older Python stops at the first `match` or `slots=True` with a traceback.
if sys.version_info < MIN_PYTHON:
    sys.exit(
        f"Sluice needs Python 3.10 or newer; this is {sys.version.split()[0]}. Install a newer one and run it by its "
        "name, such as python3.12, or choose a newer runtime for the function."
    )
