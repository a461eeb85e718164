"""What is beside the pictures of a file, copied to another: sound and subtitles."""
