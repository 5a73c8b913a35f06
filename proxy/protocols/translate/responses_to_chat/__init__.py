"""Responses to chat completions. Pure."""
