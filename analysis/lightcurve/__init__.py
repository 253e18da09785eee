"""Light curve: the flux of a source in time bins, and whether it varies."""
