"""Who may call, with whose credential, and what of the owner's a call may touch."""
