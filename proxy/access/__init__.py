"""Who may call and what of a call is kept secret."""
