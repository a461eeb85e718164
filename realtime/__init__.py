"""From sources to sinks: decode, matte, composite, encode, and the loop that drives them."""
