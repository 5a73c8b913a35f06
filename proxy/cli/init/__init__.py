"""`python -m proxy init`: asks what a first configuration needs, tries the key, and writes it to a file."""
