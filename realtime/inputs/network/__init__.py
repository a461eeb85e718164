"""The server's side of a network stream: its connection, and what may be wrong with it."""
