"""Job type `distil`: selected events of many observations as one bundle."""
