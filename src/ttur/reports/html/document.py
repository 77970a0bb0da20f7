"""The file of a page: its data, the style and the program that draws it, and a policy that lets
nothing else in.
"""

import base64
import hashlib
import json
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from ttur.reports.html.blocks import Page
from ttur.runtime.files import replacement

SCRIPTS = ("dom.js", "axes.js", "chart.js", "blocks.js", "page.js")  # one program, in this order
# In a block of data `<` could end it, and two characters end lines for JavaScript but not JSON.
ESCAPES = {char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}

_FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<noscript><p>{title}. This page draws itself by a program in this file, which is not run here; open
the file in a browser.</p></noscript>
<main id="page"></main>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def write_page(page: Page, path: Path) -> Path:
    """One file, written beside `path` and renamed; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = document(page)
    with replacement(path) as file:
        file.write(text.encode())
    return path


def document(page: Page, source: str | None = None) -> str:
    """The page as HTML. With a `source` it asks there, on its own server, for what is new."""
    style, script = _asset("page.css"), _script()
    reach = "; connect-src 'self'" if source else ""
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        f"img-src data:{reach}; base-uri 'none'; form-action 'none'"
    )
    data = {"page": page.to_json(), "source": source}
    title = escape(page.title).encode("ascii", "xmlcharrefreplace").decode()
    return _FRAME.format(
        policy=policy, title=title, style=style, data=data_text(data), script=script
    )


def data_text(document: Any) -> str:
    """JSON that may stand in a `<script>`: in ASCII, without a character that HTML knows."""
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    return text.translate(str.maketrans(ESCAPES))


def _digest(text: str) -> str:
    """As a Content-Security-Policy names what it allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _script() -> str:
    parts = "\n".join(_asset(name) for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}}})();\n'


@cache
def _asset(name: str) -> str:
    return files("ttur.reports.html").joinpath("assets", name).read_text("utf-8")
