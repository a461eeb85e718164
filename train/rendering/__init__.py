"""Scenes drawn on the CPU, rendered in batches on a device: the same pictures as `train.data.scenes.render` gives."""
