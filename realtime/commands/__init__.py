"""The commands `shm-video`, `shm-image`, `shm-live` and `shm-refine`."""
