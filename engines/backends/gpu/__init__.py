"""How frames pass through networks on a GPU, whatever runs those."""
