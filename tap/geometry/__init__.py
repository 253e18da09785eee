"""Geometry in both databases without pg_sphere: indexes on the unit sphere, and exact predicates as functions.

A geometry travels in the database as its DALI array in degrees (2 numbers a point, 3 a circle, 6 or more a polygon):
`double precision[]` on PostgreSQL, a BLOB of little-endian doubles on SQLite. The functions have the same names and
results on both: `functions.sql` holds PostgreSQL's, `sqlite.py` registers SQLite's from `vo.regions`.
"""
