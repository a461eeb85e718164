"""What is done to a graph before a compiler sees it: export, glue, FP16, static and dynamic shapes."""
