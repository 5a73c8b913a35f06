"""One thin adapter for each kind of door. They never import each other, except that some wrap `asgi`."""
