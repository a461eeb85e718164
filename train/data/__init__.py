"""From a data set on disk to training samples."""
