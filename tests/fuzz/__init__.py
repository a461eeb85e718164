"""A trial of the commands with damaged input: `python -m tests.fuzz`. See docs/reliability.md."""
