"""The well-known providers, for `init` and for tools/providers.py, which writes docs/providers.md. Not for calls."""
