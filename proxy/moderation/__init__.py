"""The content filter: what it reads, who checks it, and what is held back meanwhile."""
