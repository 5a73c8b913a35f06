"""What a call uses and costs, and what limits it."""
