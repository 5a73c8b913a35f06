"""Settings: how they are read, and from where."""
