"""Wiring: settings, URLs, the Celery application and the command line. Knows every room, does no work."""
