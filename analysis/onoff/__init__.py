"""Counts of an on region and of reflected off regions, and spectral models fitted to them: what the 1D jobs share."""
