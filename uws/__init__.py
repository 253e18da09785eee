"""Jobs: job types, phases, the UWS 1.1 REST binding, the queue, the worker runtime and the result store."""
