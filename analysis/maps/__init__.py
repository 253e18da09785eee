"""Maps of observations on one grid of sky and energy, shared by the jobs that need them, and their store."""
