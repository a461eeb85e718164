"""The commands `shm-train` and `shm-eval`."""

from engines.commands.signals import quit_on_signals

quit_on_signals()  # before the slower imports of a command
