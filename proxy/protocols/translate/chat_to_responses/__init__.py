"""Chat completions, answered by an upstream that is called through the Responses API. Pure."""
