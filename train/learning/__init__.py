"""How the three networks learn."""
