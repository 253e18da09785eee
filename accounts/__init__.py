"""Who asks: users of programs, by password or token; the tokens that they make."""
