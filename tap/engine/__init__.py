"""Runs translated queries: read-only connections of its own, Arrow record batches, time-outs, errors in our words."""
