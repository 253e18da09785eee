"""The ADQL 2.1 compiler: text → syntax tree → resolved, typed tree → SQLAlchemy.

lexer, grammar.lark, tree, parser     text to syntax tree, errors with line and column
types, typed, scope, resolve          names and types settled against the published tables
declaration, functions, udf           the one declaration of every function
translate                             typed tree to SQLAlchemy Core
features                              what capabilities declare
"""
