"""Latency, throughput and quality, measured."""

from engines.commands.signals import quit_on_signals

quit_on_signals()  # before the slower imports of a command
