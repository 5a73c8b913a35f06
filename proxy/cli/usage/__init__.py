"""`python -m proxy usage`: who spent what, from the log."""
