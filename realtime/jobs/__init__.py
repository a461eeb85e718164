"""Whole files, one or many: what is to be done to them, and the report on it."""
