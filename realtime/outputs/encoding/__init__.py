"""How the pictures of a video file are encoded."""
