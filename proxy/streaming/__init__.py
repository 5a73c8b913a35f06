"""How an answer reaches the caller: in time, whole or in pieces, and never silent for too long."""
