"""The hot pieces, timed one by one by pytest-benchmark: `pytest benchmarks/micro`. The tests do not run them."""
