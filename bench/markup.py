# SPDX-License-Identifier: MIT
"""Pieces of the report's page: rows and pictures -> HTML."""

import html

import goals as g


def cell(value):
    return html.escape(value if isinstance(value, str) else g.number(value))


def heading(title, text):
    return f"<h2>{title}</h2><p>{text}</p>"


def table(rows, columns, kind=""):
    """columns: (title, get), left-aligned where the title begins with <."""
    if not rows:
        return "<p>Nothing was measured.</p>"
    sides = [" class=text" if title[0] == "<" else "" for title, _ in columns]
    head = "".join(
        f"<th{side}>{html.escape(title.lstrip('<'))}</th>"
        for side, (title, _) in zip(sides, columns)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{side}>{cell(get(r))}</td>" for side, (_, get) in zip(sides, columns))
        + "</tr>"
        for r in rows
    )
    return f'<div class="wide {kind}"><table><tr>{head}</tr>{body}</table></div>'


def figures(*pairs):
    """(SVG or "", caption) pairs."""
    items = "".join(
        f"<figure>{svg}<figcaption>{html.escape(text)}</figcaption></figure>"
        for svg, text in pairs
        if svg
    )
    return f'<div class="plots">{items}</div>' if items else "<p>Nothing was measured.</p>"


def percent(value):
    return None if value is None else round(100 * value, 1)


def folded(title, rows, columns):
    return f"<details><summary>{html.escape(title)}</summary>{table(rows, columns)}</details>" if rows else ""
