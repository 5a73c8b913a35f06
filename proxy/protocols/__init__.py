"""What streams and answers look like in each protocol: their ends, texts, usage, errors. Pure."""
