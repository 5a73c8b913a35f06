"""The commands behind `python -m proxy`. No function ever imports this."""
