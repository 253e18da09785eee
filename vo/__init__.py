"""The wire: DALI parameters and errors, table metadata, streaming writers, VOSI documents, regions."""
