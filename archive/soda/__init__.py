"""SODA 1.0: events cut out of observations by position, energy, time and type."""
