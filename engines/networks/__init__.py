"""The paper's three networks. Each knows tensors and nothing of files."""

from engines.networks.mpn import MPN
from engines.networks.mrn import MRN
from engines.networks.qun import QUN

__all__ = ["MPN", "MRN", "QUN"]
