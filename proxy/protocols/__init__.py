"""The protocols of the API: how their answers and streams end, and where texts, usage and errors are. Pure."""
