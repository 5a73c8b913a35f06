"""Sluice: your own LLM endpoint on any cloud function. One stateless core, thin adapters."""

__version__ = "0.2.0"
