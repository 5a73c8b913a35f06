"""Paths that Sluice answers itself instead of relaying them."""
