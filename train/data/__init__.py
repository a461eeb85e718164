"""From a data set on disk to the samples that a network learns from."""
