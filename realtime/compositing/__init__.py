"""Mattes filtered, and composited on new backgrounds."""
