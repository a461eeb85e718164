"""What the paper prints, and what has to be said beside it."""

PAPER_MS = 80.0  # "0.08 seconds" (section 3.4) on the paper's GPU
PAPER_SIZE = (800, 800)
METRICS = ("sad", "mse", "gradient", "connectivity")
# Table 2, means over its 1360 test pictures, as printed. The rows that are its authors' own are in train.evaluation.ablation.
TABLE_2 = {
    "DeepLab": (0.028, 0.023, 0.012, 0.028),
    "Trimap + closed form": (0.0083, 0.0049, 0.0035, 0.080),
    "Trimap + DIM": (0.0045, 0.0017, 0.0013, 0.0043),
    "SHM": (0.011, 0.0078, 0.0032, 0.011),
}
DIFFERENT_DATA = (
    "The data differ: the paper's figures are means over its own 1360 test pictures, which are not public, and ours over the "
    "sets named here. Compare the order of the rows, not the numbers. How the paper scales its gradient error is not told. Its "
    "figures are as printed; 0.080 for the connectivity of closed form may be a slip. Without QUN means here that the same "
    "weights run with MPN's mask in place of QUN's."
)
