"""Wire formats: JSON, forms, events, encodings, paths. Bytes in, bytes or values out; nothing here knows a call."""
