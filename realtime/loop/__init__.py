"""How packets move from an input through an engine to the outputs."""
