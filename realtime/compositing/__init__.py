"""What happens to a matte, and what is put behind it."""
