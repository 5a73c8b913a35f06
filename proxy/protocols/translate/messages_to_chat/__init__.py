"""Messages to chat completions. Pure."""
