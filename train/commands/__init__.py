"""The commands `shm-train` and `shm-eval`."""
