"""The networks beside which the paper's Table 2 sets its own: DeepLab, DIM and SHM, in this project's blocks."""
