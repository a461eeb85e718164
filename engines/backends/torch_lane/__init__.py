"""PyTorch's networks in the lanes of a CUDA GPU: compiled, in FP16, in one CUDA graph."""
