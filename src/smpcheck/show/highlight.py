"""Source text as HTML with comments, strings, numbers, keywords and the kernel's primitives set apart."""

from __future__ import annotations

import re
from html import escape

C_WORDS = (
    "if else while for do return switch case default break continue goto struct union enum typedef static const volatile int "
    "unsigned long short char void exists forall locations filter"
)
PYTHON_WORDS = (
    "and as assert async await break class continue def del elif else except finally for from global if import in is lambda None "
    "not or pass raise return True False try while with yield"
)
PRIMITIVES = (
    r"(?:READ|WRITE)_ONCE|smp_\w+|atomic(?:64)?_\w+|\w*cmpxchg\w*|xchg\w*|spin_\w+|(?:s?rcu|srcu)_\w+|synchronize_\w+|barrier|"
    r"(?:test_and_)?(?:set|clear)_bit\w*|mutex_\w+|(?:down|up)_(?:read|write)\w*"
)


def _language(strings: str, comments: str, words: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<comment>{comments})|(?P<string>{strings})|(?P<primitive>\b(?:{PRIMITIVES})(?=\s*\())|"
        rf"(?P<keyword>\b(?:{words.replace(' ', '|')})\b)|(?P<number>\b(?:0[xX][0-9a-fA-F]+|\d+)\w*)",
        re.DOTALL,
    )


C = _language(r'"(?:\\.|[^"\\\n])*"', r"/\*.*?(?:\*/|\Z)|//[^\n]*|(?m:^)[ \t]*\(\*.*?\*\)", C_WORDS)
"""Litmus tests have OCaml's comments, too, at the start of a line: elsewhere ``(*`` is a dereference."""
PYTHON = _language(
    r'[rRbBfFuU]{0,2}(?:"""(?:\\.|[^\\])*?(?:"""|\Z)|\'\'\'(?:\\.|[^\\])*?(?:\'\'\'|\Z)|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')',
    r"#[^\n]*", PYTHON_WORDS,
)  # fmt: skip


def highlighted(source: str, name: str) -> list[str]:
    """The lines of ``source``, the text of a file called ``name``, as HTML; every element ends on the line it begins on."""
    language = PYTHON if name.endswith(".py") else C
    out: list[str] = []
    at = 0
    for found in language.finditer(source):
        out.append(escape(source[at : found.start()]))
        kind = found.lastgroup
        out.append("\n".join(f'<span class="{kind}">{escape(part)}</span>' if part else "" for part in found[0].split("\n")))
        at = found.end()
    out.append(escape(source[at:]))
    return "".join(out).split("\n")
