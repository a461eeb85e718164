"""The HTTP service: one engine, a bounded queue before it, and limits on what a client may ask for.

The packages of the extra `web` are imported here only, and only when the service starts.
"""
