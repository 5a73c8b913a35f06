"""`python -m proxy bundle NAME`: what is uploaded to a platform."""
