"""What a video can be read from, each opened by FFmpeg in its own way."""
