"""Collections, observations, products and files: ingest, ObsCore, DataLink and retrieval."""
