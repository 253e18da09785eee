"""Ready GADF data stores of the observations that a query has found: RESPONSEFORMAT=gadf."""
