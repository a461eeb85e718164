"""The commands `shm-video`, `shm-image`, `shm-live` and `shm-refine`."""

from engines.commands.signals import quit_on_signals

quit_on_signals()  # before the slower imports of a command
