"""Tokens of ADQL 2.1 (section 2.1): names, reserved words, literals, operators, comments."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from lark import Token
from lark.lexer import Lexer, LexerState

from vo.errors import UsageFault

MAX_LENGTH = 500_000
"""Longest query in characters."""
MAX_TOKENS = 20_100
"""Most words, literals and signs in a query, those in lists of constants apart."""
MAX_LISTED = 40_000
"""Most constants in lists of constants."""
MAX_NESTING = 100
"""Deepest nesting of parentheses."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SQL_RESERVED = _words(
    """ABSOLUTE ACTION ADD ALL ALLOCATE ALTER AND ANY ARE AS ASC ASSERTION AT AUTHORIZATION AVG BEGIN BETWEEN BIT
    BIT_LENGTH BOTH BY CASCADE CASCADED CASE CAST CATALOG CHAR CHARACTER CHARACTER_LENGTH CHAR_LENGTH CHECK CLOSE
    COALESCE COLLATE COLLATION COLUMN COMMIT CONNECT CONNECTION CONSTRAINT CONSTRAINTS CONTINUE CONVERT CORRESPONDING
    COUNT CREATE CROSS CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURSOR DATE DAY DEALLOCATE
    DECIMAL DECLARE DEFAULT DEFERRABLE DEFERRED DELETE DESC DESCRIBE DESCRIPTOR DIAGNOSTICS DISCONNECT DISTINCT DOMAIN
    DOUBLE DROP ELSE END ESCAPE EXCEPT EXCEPTION EXEC EXECUTE EXISTS EXTERNAL EXTRACT FALSE FETCH FIRST FLOAT FOR
    FOREIGN FOUND FROM FULL GET GLOBAL GO GOTO GRANT GROUP HAVING HOUR IDENTITY IMMEDIATE IN INDICATOR INITIALLY INNER
    INPUT INSENSITIVE INSERT INT INTEGER INTERSECT INTERVAL INTO IS ISOLATION JOIN KEY LANGUAGE LAST LEADING LEFT LEVEL
    LIKE LOCAL LOWER MATCH MAX MIN MINUTE MODULE MONTH NAMES NATIONAL NATURAL NCHAR NEXT NO NOT NULL NULLIF NUMERIC
    OCTET_LENGTH OF ON ONLY OPEN OPTION OR ORDER OUTER OUTPUT OVERLAPS PAD PARTIAL POSITION PRECISION PREPARE PRESERVE
    PRIMARY PRIOR PRIVILEGES PROCEDURE PUBLIC READ REAL REFERENCES RELATIVE RESTRICT REVOKE RIGHT ROLLBACK ROWS SCHEMA
    SCROLL SECOND SECTION SELECT SESSION SESSION_USER SET SIZE SMALLINT SOME SPACE SQL SQLCODE SQLERROR SQLSTATE
    SUBSTRING SUM SYSTEM_USER TABLE TEMPORARY THEN TIME TIMESTAMP TIMEZONE_HOUR TIMEZONE_MINUTE TO TRAILING TRANSACTION
    TRANSLATE TRANSLATION TRIM TRUE UNION UNIQUE UNKNOWN UPDATE UPPER USAGE USER USING VALUE VALUES VARCHAR VARYING
    VIEW WHEN WHENEVER WHERE WITH WORK WRITE YEAR ZONE"""
)
"""Reserved words of SQL-92 that ADQL keeps (section 2.1.3)."""
ADQL_RESERVED = _words(
    """ABS ACOS AREA ASIN ATAN ATAN2 BIGINT BOX CEILING CENTROID CIRCLE CONTAINS COORD1 COORD2 COORDSYS COS COT DEGREES
    DISTANCE EXP FLOOR ILIKE INTERSECTS IN_UNIT LOG LOG10 MOD OFFSET PI POINT POLYGON POWER RADIANS RAND REGION ROUND
    SIN SQRT TAN TOP TRUNCATE"""
)
"""Reserved words that ADQL adds (section 2.1.4)."""
RESERVED = SQL_RESERVED | ADQL_RESERVED

_FUNCTIONS = (ADQL_RESERVED - {"BIGINT", "ILIKE", "OFFSET", "TOP"}) | {"UPPER", "LOWER", "COALESCE"}
_AGGREGATES = frozenset({"AVG", "COUNT", "MAX", "MIN", "SUM"})
_TYPES = frozenset({"BIGINT", "CHAR", "INTEGER", "REAL", "SMALLINT", "TIMESTAMP", "VARCHAR"})
_STRUCTURE = _words(
    """ALL AND AS ASC BETWEEN BY CAST DESC DISTINCT DOUBLE EXCEPT EXISTS FROM FULL GROUP HAVING ILIKE IN INNER INTERSECT
    IS JOIN LEFT LIKE NATURAL NOT NULL OFFSET ON OR ORDER OUTER PRECISION RIGHT SELECT TOP UNION USING WHERE
    WITH"""
)
TOKEN_OF_WORD: dict[str, str] = (
    dict.fromkeys(RESERVED, "RESERVED")
    | dict.fromkeys(_FUNCTIONS, "FUNCTION")
    | dict.fromkeys(("ROUND", "TRUNCATE"), "ROUNDING")
    | dict.fromkeys(_AGGREGATES, "AGGREGATE")
    | dict.fromkeys(_TYPES, "TYPE")
    | {word: word for word in _STRUCTURE}
)

_PUNCTUATION = {"(": "LPAR", ")": "RPAR", ",": "COMMA", ".": "DOT", ";": "SEMICOLON"}
_OPERATORS = {"+": "PLUS", "-": "MINUS", "*": "STAR", "/": "SLASH", "||": "CONCAT"} | _PUNCTUATION

_TOKENS = re.compile(
    r"""
    (?P<space>[ \t\r\n\f\v]+|--[^\r\n]*)
  | (?P<word>[A-Za-z][A-Za-z0-9_]*)
  | (?P<decimal>(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
  | (?P<unsigned>[0-9]+)
  | (?P<string>'(?:[^']|'')*')
  | (?P<delimited>"(?:[^"]|"")+")
  | (?P<comparison><>|!=|<=|>=|=|<|>)
  | (?P<operator>\|\||[-+*/(),.;])
    """,
    re.VERBOSE,
)

_LITERAL = r"""(?:[+-][ \t]*+)?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?|'[^']*+(?:''[^']*+)*'"""
LITERAL = re.compile(_LITERAL)
"""A number with or without a sign, or a text."""
# Groups are not repeated possessively: Python 3.11 before 3.11.5 goes on at the wrong place after such a one.
_LITERAL_LIST = re.compile(rf"(?:{_LITERAL})(?:\s*+,\s*+(?:{_LITERAL}))*(?=\s*+\))", re.ASCII)

_HINTS = {
    "%": "ADQL has no operator %: write MOD(x, y)",
    "[": "ADQL has no arrays",
    ":": "ADQL has no ::, write CAST(x AS type)",
    "&": "ADQL has no operator &: write AND",
    "|": "ADQL has no operator |: write OR, or || to join texts",
    "'": "this text is not closed: ' is missing",
    '"': 'this quoted name is empty or not closed: " is missing',
    "!": "ADQL has no operator !: write NOT, or <> for unequal",
    "^": "ADQL has no operator ^: write POWER(x, y)",
    "_": "names begin with a letter; put others in double quotes",
    "`": "names are quoted with double quotes",
    "#": "ADQL comments begin with --",
    "‘": "texts are written between straight quotes '",
    "’": "texts are written between straight quotes '",
    "“": 'names are quoted with straight quotes "',
    "”": 'names are quoted with straight quotes "',
    "\xa0": "this is a no-break space: write an ordinary one",
}


class AdqlError(UsageFault):
    """Something wrong with a query, at an offset of its text; `located` puts line and column in front."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at
        self.line = self.column = 0

    def located(self, text: str) -> AdqlError:
        """The same error with its place in front of the message."""
        if not self.line:
            self.line, self.column = line_and_column(text, self.at)
            self.message = f"line {self.line} column {self.column}: {self.message}"
            self.args = (self.message,)
        return self


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset in a text."""
    starts = [0, *(m.end() for m in re.finditer(r"\r\n|\r|\n", text))]
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


class TooManyTokens(AdqlError):
    """A query that is not parsed: it would take too long."""


class AdqlLexer(Lexer):
    """Lark's interface to `tokens`."""

    __future_interface__ = 2

    def __init__(self, lexer_conf: Any) -> None:
        pass

    def lex(self, lexer_state: LexerState, parser_state: Any) -> Iterator[Token]:
        return _counted(str(lexer_state.text.text))


def _counted(text: str) -> Iterator[Token]:
    """The tokens of a query that has not too many; any other mistake is told when the parser has come that far."""
    read: list[Token] = []
    fault = None
    try:
        read.extend(tokens(text))
    except TooManyTokens:
        raise
    except AdqlError as error:
        fault = error
    yield from read
    if fault is not None:
        raise fault


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a query; raises AdqlError for what cannot be one."""
    if len(text) > MAX_LENGTH:
        raise AdqlError(f"the query is longer than {MAX_LENGTH} characters", MAX_LENGTH)
    position, depth, count, end = 0, 0, 0, len(text)
    before, is_list, constants = "", False, 0
    while position < end:
        listed = _LITERAL_LIST.match(text, position) if is_list else None
        if listed is not None:
            # Lists of thousands of constants, which clients generate, are one token.
            constants += listed.group().count(",") + 1
            if constants > MAX_LISTED:
                raise AdqlError(f"the query has lists of more than {MAX_LISTED} constants", position)
            yield Token("LITERALS", listed.group(), start_pos=position, end_pos=listed.end())
            position, is_list = listed.end(), False
            continue
        match = _TOKENS.match(text, position)
        if match is None:
            character = text[position]
            raise AdqlError(_HINTS.get(character, f"unexpected character {character!r}"), position)
        group, value, start = match.lastgroup, match.group(), position
        position = match.end()
        if group == "space":
            continue
        count += 1
        if count > MAX_TOKENS:
            raise TooManyTokens(f"the query has more than {MAX_TOKENS} words and signs", start)
        if group == "word":
            kind = TOKEN_OF_WORD.get(value.upper(), "IDENTIFIER")
            if (
                position < end
                and text[position] not in "._"
                and not text[position].isascii()
                and text[position].isalnum()
            ):
                raise AdqlError(f"{text[position]!r} in a name: put the name in double quotes", position)
        elif group == "operator":
            kind = _OPERATORS[value]
            depth += (value == "(") - (value == ")")
            if depth > MAX_NESTING:
                raise AdqlError(f"parentheses are nested deeper than {MAX_NESTING}", start)
        elif group == "decimal":
            kind = "DECIMAL_NUMBER"
        else:
            kind = str(group).upper()
        if group in ("decimal", "unsigned") and position < end and (text[position].isalpha() or text[position] == "_"):
            raise AdqlError(
                f"a number goes over into a name at {text[position]!r}: names begin with a letter, others are put in "
                "double quotes",
                start,
            )
        yield Token(kind, value, start_pos=start, end_pos=position)
        is_list, before = kind == "LPAR" and before == "IN", kind
