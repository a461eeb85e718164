"""The command `shm-compile`, and what all commands share."""

from engines.commands.signals import quit_on_signals

quit_on_signals()  # before the slower imports of a command
