"""Who may call and with whose credential, what a call may access in the owner's account, and which texts are secret."""
