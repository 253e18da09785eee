"""ObsCore 1.1 and its high-energy extension: tables, column metadata, mapping, publication."""
