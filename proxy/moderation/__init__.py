"""The content filter: what it reads, which checkers decide, and what is held back until they have."""
