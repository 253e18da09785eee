"""What can go wrong with the values of a query, in the same words on both databases."""

from __future__ import annotations

from vo.errors import TransientFault

MESSAGES = {
    "division": "division by zero",
    "logarithm": "logarithm of zero or of a negative number",
    "power": "square root or power outside its domain",
    "range": "a number is out of range: the argument of a function or a result has no value",
    "text": "a text cannot be converted to the type that is asked for",
    "pattern": "a pattern of LIKE is too long",
    "size": "a text is too long",
    "nesting": "the query is nested too deeply for this database",
}
SQLSTATES = {
    "22012": "division",
    "2201E": "logarithm",
    "2201F": "power",
    "22003": "range",
    "22P02": "text",
    "22007": "text",
    "22008": "text",
    "54000": "size",
    "54001": "nesting",
}
"""PostgreSQL's codes for them (appendix A of its manual)."""
OWN_SQLSTATE = "TA001"
"""Raised by tap/geometry/functions.sql with a message meant for the user."""

STOPPED = "the query was stopped"


class BetterAsync(TransientFault):
    """A query that nothing is wrong with, but that cannot be answered at once."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self._reason = reason

    def advise(self, url: str | None) -> None:
        """Tell the URL where it may be answered, if there is one."""
        if url is not None:
            self.message = f"{self._reason}; or send it to {url}, where queries may take longer"


class TookTooLong(BetterAsync):
    """A statement that was stopped at its time limit."""

    # The same query would take as long again: no client should repeat it by itself.
    retry_after = None

    @classmethod
    def after(cls, seconds: float) -> TookTooLong:
        return cls(f"the query took longer than {seconds:g} s: narrow it down, or ask for fewer rows")


class ValueFault(Exception):
    """Raised by functions registered with SQLite; `message` is meant for the user."""

    def __init__(self, kind: str, message: str | None = None) -> None:
        self.message = message or MESSAGES[kind]
        super().__init__(self.message)
