"""Count, background and significance maps around a position."""
