"""Where frames come from: video files, webcams, network streams, photos and masks."""
