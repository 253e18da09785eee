"""The IVOA's catalogue of user-defined functions (EN 1.2, 2024-11-07) in both databases.

`functions.sql` holds PostgreSQL's; the Python modules are registered with SQLite. Names, results and errors are the
same on both. `tap.adql.udf` declares them.
"""
