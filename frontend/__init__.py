"""Pages for people: search, results, observations, jobs. Works without JavaScript."""
