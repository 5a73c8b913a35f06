"""The clouds that Sluice runs on, and their limits."""
