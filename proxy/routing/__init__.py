"""Which upstream a call goes to, with which key, and what happens if that fails."""
