"""The doctor's checks, one subject per file. Each adds its findings to a Report; none of them prints."""
