"""How it is measured: timing, the machine, engines in processes of their own, frames."""
