"""Latency, throughput and quality, measured."""
