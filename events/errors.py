"""What goes wrong in distillation through nobody's programming."""

from __future__ import annotations


class Undistillable(Exception):
    """An event list that cannot be distilled, or a wish that it cannot meet; the message is a sentence for the user."""
