"""How frames go through networks on a GPU, whatever runs those."""
