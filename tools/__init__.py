"""What makes parts of the project anew; no function and no user needs it."""
