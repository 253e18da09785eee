"""The GADF index tables of this archive (GADF 0.3, "Data storage"): rows, column metadata, and HDUs as own files."""
