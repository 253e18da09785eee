"""`gadf.events`: the events of all public observations as a table for ADQL (decision 022).

The rows of an observation lie in cells of neighbours (`cells.py`). ADQL finds cells by an index of their boxes, and in
them events; the events have no index of positions of their own.
"""
