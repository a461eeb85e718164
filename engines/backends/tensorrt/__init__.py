"""TensorRT engines, for `tensorrt` and `tensorrt-rtx`."""
