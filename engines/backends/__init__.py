"""What runs the networks: a file or a folder for each backend."""
