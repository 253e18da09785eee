"""TAP 1.1: ADQL grammar to syntax tree to SQL, TAP_SCHEMA, the read-only engine and the endpoints."""
