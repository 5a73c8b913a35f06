"""The doctor's probes, one subject a file. Each takes a Report and adds what it has found; none of them prints."""
