"""The paper's three networks. They know tensors, and nothing of files."""

from typing import NamedTuple

from engines.networks.mpn import MPN
from engines.networks.mrn import MRN
from engines.networks.qun import QUN


class Networks(NamedTuple):
    """The three networks, in the order in which a frame passes them."""

    mpn: MPN
    qun: QUN
    mrn: MRN


__all__ = ["MPN", "MRN", "QUN", "Networks"]
