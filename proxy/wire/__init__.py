"""What stands on the wire: JSON, forms, events, paths. Bytes in, bytes or values out; nothing here knows of a call."""
