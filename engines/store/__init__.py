"""Built engines: where they lie, when they are valid, whether they are right."""
