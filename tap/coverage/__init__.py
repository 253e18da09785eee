"""Time coverage in both databases: a column of intervals beside the published text, indexed, and functions of it.

A coverage is a set of half-open intervals in microseconds since JD 0 (TCB): `int8multirange` on PostgreSQL, a BLOB of
pairs of little-endian 64-bit integers on SQLite. `functions.sql` holds PostgreSQL's functions, `sqlite.py` SQLite's;
`tap.adql.coverage` declares those that ADQL has.
"""
