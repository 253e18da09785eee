"""Queries as other rooms use them: ADQL in, metadata and Arrow record batches out.

    query = prepare("SELECT TOP 5 * FROM ivoa.obscore", context)
    query.columns                       # tuple[ColumnMeta, ...], known before anything runs
    with query.run(maxrec=20) as rows:  # rows.batches: Iterator[pyarrow.RecordBatch]; rows.overflow after exhaustion
        ...
"""
