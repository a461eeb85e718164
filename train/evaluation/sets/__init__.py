"""Test sets, made out of other pictures."""
