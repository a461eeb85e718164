"""Where pictures go: video files, photos, recordings, pipes, virtual cameras and windows."""
