"""Ingest readers: one format, one reader; `registry.py` lists them."""
