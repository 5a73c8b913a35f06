"""What a call uses and costs, and the limits on both."""
