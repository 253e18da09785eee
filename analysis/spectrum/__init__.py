"""One-dimensional spectrum from on and reflected off regions."""
