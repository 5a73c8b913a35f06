"""Who may call, with whose credential, what of the owner's a call may touch, and what is kept secret."""
