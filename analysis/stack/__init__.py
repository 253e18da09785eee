"""Stacked spectra of several sources or periods, side by side, and whether they agree."""
