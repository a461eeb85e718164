"""Built engines: where they are cached, when they are valid, and whether they are accurate."""
