"""The command `shm-compile`, and what all commands share."""
