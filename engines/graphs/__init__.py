"""All that is done to a graph before a compiler sees it."""
