"""How an answer travels to the caller: in time, in one piece or many, never silent for too long."""
