"""From text to syntax tree, with errors that say where, what was expected, and what to write instead."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lark import Lark
from lark.exceptions import UnexpectedToken

from tap.adql.build import TreeBuilder
from tap.adql.lexer import RESERVED, AdqlError, AdqlLexer
from tap.adql.tree import Query

_EXPECTED = {
    "IDENTIFIER": "a name",
    "DELIMITED": "a name",
    "LITERALS": "a number",
    "STRING": "a text",
    "UNSIGNED": "a number",
    "DECIMAL_NUMBER": "a number",
    "COMPARISON": "a comparison",
    "PLUS": "an operator",
    "MINUS": "an operator",
    "STAR": "*",
    "SLASH": "an operator",
    "CONCAT": "||",
    "FUNCTION": "a function",
    "AGGREGATE": "a function",
    "CAST": "a function",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "DOT": ".",
    "SEMICOLON": ";",
    "TYPE": "a type",
    "$END": "the end of the query",
}
_WORDS = {
    "LIMIT": "ADQL has no LIMIT: write SELECT TOP n …",
    "FETCH": "ADQL has no FETCH: write SELECT TOP n …",
    "CASE": "ADQL has no CASE",
    "CROSS": "ADQL has no CROSS JOIN: write the tables with a comma between them",
    "ESCAPE": "ADQL's LIKE has no ESCAPE",
    "OVER": "ADQL has no window functions",
    "FLOAT": "write REAL or DOUBLE PRECISION",
    "INT": "write INTEGER",
    "NUMERIC": "write DOUBLE PRECISION",
    "DECIMAL": "write DOUBLE PRECISION",
    "TRUE": "ADQL has no TRUE and FALSE: compare with 1 or 0",
    "FALSE": "ADQL has no TRUE and FALSE: compare with 1 or 0",
    **dict.fromkeys(
        ("INSERT", "UPDATE", "DELETE", "DROP", "CREATE", "ALTER", "GRANT", "EXECUTE", "COMMIT"),
        "a query begins with SELECT or WITH; nothing can be changed",
    ),
}


@cache
def _parser() -> Lark:
    grammar = (Path(__file__).parent / "grammar.lark").read_text()
    return Lark(
        grammar, start="query", parser="lalr", lexer=AdqlLexer, transformer=TreeBuilder(), maybe_placeholders=True
    )


def warm_up() -> None:
    """Have the parser made, which takes most of a second, before there is anything to parse."""
    _parser()


def parse(text: str) -> Query:
    """The syntax tree of an ADQL query.

    Raises AdqlError (a UsageFault with line and column). Source: ADQL 2.1 appendix A; one `;` at the end is accepted.
    """
    for at, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise AdqlError(f"the character {character!r} cannot be part of a query", at).located(text)
    try:
        result = _parser().parse(text)
    except AdqlError as error:
        raise error.located(text) from None
    except UnexpectedToken as error:
        raise _unexpected(text, error).located(text) from None
    assert isinstance(result, Query)
    return result


def _unexpected(text: str, error: UnexpectedToken) -> AdqlError:
    token = error.token
    if token.type == "$END":
        return AdqlError(f"the query ends too early, expected {_choices(error)}", len(text))
    at = token.start_pos
    assert at is not None
    word = str(token).upper()
    before = text[:at].split()[-1:] if text[:at].split() else [""]
    if before[0].upper() in ("LIMIT", "FETCH"):
        return AdqlError(_WORDS[before[0].upper()], at)
    if word in _WORDS:
        return AdqlError(_WORDS[word], at)
    if error.expected == {"LPAR"} and before[0].upper().strip("(,") in RESERVED:
        name = before[0].strip("(,")
        return AdqlError(f'{name} is a reserved word; as a name write "{name}"', text.rindex(name, 0, at))
    names_allowed = "IDENTIFIER" in error.expected
    if word in RESERVED and names_allowed and token.type in ("RESERVED", "TYPE", "FUNCTION", "AGGREGATE"):
        return AdqlError(f'{token} is a reserved word; as a name write "{token}"', at)
    if before[0].endswith("'") and token.type in ("STRING", "IDENTIFIER", "DELIMITED") and not text[at - 1].isspace():
        return AdqlError("a text stands between single quotes '…'; a quote inside is doubled", at)
    if before[0] == ";" or text[:at].rstrip().endswith(";"):
        return AdqlError("nothing may follow the ; that ends the query", at)
    said = "a reserved word" if token.type == "RESERVED" else f"{str(token)[:40]!r}"
    if token.type == "RESERVED":
        said = f"the reserved word {token}"
    return AdqlError(f"unexpected {said}, expected {_choices(error)}", at)


def _choices(error: UnexpectedToken) -> str:
    """What could stand there, the most telling first."""
    found = list(dict.fromkeys(_EXPECTED.get(name, name) for name in sorted(error.expected, key=_rank)))
    found = [f for f in found if f not in ("a type",)] or found
    if len(found) > 6:
        found = [*found[:6], "…"]
    return " or ".join([", ".join(found[:-1]), found[-1]]) if len(found) > 1 and found[-1] != "…" else ", ".join(found)


def _rank(name: str) -> tuple[int, str]:
    order = (
        "SELECT",
        "FROM",
        "IDENTIFIER",
        "COMPARISON",
        "RPAR",
        "COMMA",
        "AS",
        "ON",
        "BY",
        "JOIN",
        "STRING",
        "UNSIGNED",
    )
    return (order.index(name) if name in order else len(order), name)
