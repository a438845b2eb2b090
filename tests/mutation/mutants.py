# SPDX-License-Identifier: BSD-3-Clause
"""The mutants of a C source: places where one token, condition or statement can be changed.

No parser: the house style (spaces on both sides of a binary operator, one statement a line) tells
what a token is. A change that isn't C any more does not compile, and is not counted.
"""
import re

TOKEN = re.compile(r"""
      (?P<gap>\s+|/\*.*?\*/|//[^\n]*|\\\n)
    | (?P<pre>(?:(?<=\n)|\A)\#[ \t]*(?:define[ \t]+\w+(?:\([^)]*\))?|(?:[^\n\\]|\\.|\\\n)*))
    | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<number>\d[\w.]*)
    | (?P<name>[A-Za-z_]\w*)
    | (?P<op><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[^\s\w])
    """, re.S | re.X)

OPERATORS = {
    "==": ["!="], "!=": ["=="], "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="],
    ">=": [">", "<"], "&&": ["||"], "||": ["&&"], "+": ["-"], "-": ["+"], "*": ["+"],
    "/": ["*"], "%": ["/"], "<<": [">>"], ">>": ["<<"], "&": ["|"], "|": ["&"], "^": ["&"],
}
ASSIGNMENTS = {
    "+=": ["-=", "="], "-=": ["+=", "="], "|=": ["&=", "="], "&=": ["|=", "="], "^=": ["="],
    "<<=": [">>="], ">>=": ["<<="], "++": ["--"], "--": ["++"],
}
NAMES = {"true": ["false"], "false": ["true"]}
# What begins a declaration, or is no statement that can be left out.
DECLARING = set("""static const struct union enum unsigned signed int char void bool long short
    typedef extern if else for while do switch case default sizeof""".split())
ASSERTIONS = ("ASSERT", "_Static_assert", "assert")


class Token:
    def __init__(self, kind, text, at):
        self.kind, self.text, self.at, self.end = kind, text, at, at + len(text)


def tokens_of(source):
    found, at = [], 0
    while at < len(source):
        m = TOKEN.match(source, at)
        if not m:
            raise ValueError("no token: " + source[at:at + 40])
        if m.lastgroup not in ("gap", "pre"):
            found.append(Token(m.lastgroup, m.group(), at))
        at = m.end()
    return found


def closing(tokens, i):
    """The index of the bracket that closes the one at i."""
    depth = 0
    for k in range(i, len(tokens)):
        depth += tokens[k].text in "([{" if tokens[k].kind == "op" else 0
        depth -= tokens[k].text in ")]}" if tokens[k].kind == "op" else 0
        if depth == 0:
            return k
    return len(tokens) - 1


def without_assertions(tokens):
    """An assertion that is weaker can't be noticed: what is in them stays."""
    i = 0
    while i < len(tokens):
        if tokens[i].text in ASSERTIONS and i + 1 < len(tokens) and tokens[i + 1].text == "(":
            i = closing(tokens, i + 1) + 1
            continue
        yield i
        i += 1


def numbers(text):
    m = re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)", text)
    if not m:
        return []
    n = int(m[1], 16 if m[1][:2] in ("0x", "0X") else 8 if re.match(r"0\d", m[1]) else 10)
    return [str(k) + m[2] for k in (n + 1, n - 1) if k >= 0]


def changes_of_token(source, tokens, i):
    t = tokens[i]
    spaced = source[t.at - 1:t.at].isspace() and source[t.end:t.end + 1].isspace()
    if t.kind == "number":
        return "constant", numbers(t.text)
    if t.kind == "name":
        return "constant", NAMES.get(t.text, [])
    if t.kind == "op" and t.text in OPERATORS and spaced:
        return "operator", OPERATORS[t.text]
    if t.kind == "op" and t.text in ASSIGNMENTS:
        return "operator", ASSIGNMENTS[t.text]
    if t.kind == "op" and t.text == "!":
        return "negation", [""]
    return None, []


def starts_of_statements(tokens):
    """Where statements of functions begin: after ; { } else, a label, or the ) of an if."""
    depth, i = 0, 0
    while i < len(tokens):
        text = tokens[i].text
        if text in ("if", "for", "while", "switch") and tokens[i + 1].text == "(":
            i = closing(tokens, i + 1)
            if depth > 0:
                yield i + 1
        elif text == "{":
            depth += 1
            yield i + 1
        elif text == "}":
            depth -= 1
            if depth > 0:
                yield i + 1
        elif text in (";", ":", "else") and depth > 0:
            yield i + 1
        i += 1


def statement_end(tokens, i):
    """The index of the semicolon that ends the statement at i, or None."""
    while i < len(tokens):
        if tokens[i].text in ("{", "}", ":", "?"):
            return None
        if tokens[i].text in ("(", "["):
            i = closing(tokens, i)
        elif tokens[i].text == ";":
            return i
        i += 1
    return None


def is_statement(tokens, i):
    first, second, third = (t.text for t in tokens[i:i + 3])
    if first in DECLARING or not (tokens[i].kind == "name" or first in ("*", "++", "--")):
        return False
    if first in ("return", "break", "continue", "goto"):
        return True
    declares = tokens[i + 1].kind == "name" or (second == "*" and re.match(r"\w|\*", third))
    return not declares


def dropped(tokens):
    for i in sorted(set(starts_of_statements(tokens))):
        if i + 2 < len(tokens) and is_statement(tokens, i):
            end = statement_end(tokens, i)
            if end is not None and tokens[i].text not in ASSERTIONS:
                yield "statement", tokens[i].at, tokens[end].at, ""
    # Entries of tables: [NAME] = ...,
    for i in range(1, len(tokens)):
        if tokens[i].text != "[" or tokens[i - 1].text not in ("{", ","):
            continue
        end = closing(tokens, i)
        while end < len(tokens) and tokens[end].text not in (",", "}", ";"):
            end = closing(tokens, end) + 1 if tokens[end].text in ("(", "{", "[") else end + 1
        if end < len(tokens) and tokens[end].text == ",":
            yield "entry", tokens[i].at, tokens[end].end, ""


def negated(source, tokens):
    for i, t in enumerate(tokens):
        if t.text in ("if", "while") and tokens[i + 1].text == "(":
            end = tokens[closing(tokens, i + 1)].end
            at = tokens[i + 1].at
            yield "condition", at, end, "(!" + source[at:end] + ")"


def mutants_of(source):
    """All mutants: (kind, begin, end, text that comes there instead), in order."""
    tokens = tokens_of(source)
    tokens = [tokens[i] for i in without_assertions(tokens)]
    found = list(dropped(tokens)) + list(negated(source, tokens))
    for i, t in enumerate(tokens):
        kind, changes = changes_of_token(source, tokens, i)
        found += [(kind, t.at, t.end, change) for change in changes]
    return sorted(set(found), key=lambda m: (m[1], m[2], m[3]))


def lines_of(source, begin, end):
    """The lines that a range of characters touches, as one line without superfluous space."""
    first = source.rfind("\n", 0, begin) + 1
    last = source.find("\n", end)
    return " ".join(source[first:last if last >= 0 else len(source)].split())
