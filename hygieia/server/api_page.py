"""The OpenAPI document as one plain page: headings, tables, no script."""

from __future__ import annotations

from html import escape
from typing import Any, Final

from hygieia.server.openapi import problem_meanings
from hygieia.server.problems import STATUS_OF_CODE

_HEAD: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hygieia: the HTTP API</title>
<link rel="stylesheet" href="/assets/plain.css">
</head>
<body>
<main>
"""
_FOOT: Final = "</main>\n</body>\n</html>\n"


def api_page(document: dict[str, Any]) -> str:
    """HTML of the whole document: operations by noun, models, problems."""
    info = document["info"]
    parts = [_HEAD, "<h1>The HTTP API</h1>\n", _paragraphs(info["description"])]
    parts.append('<p class="small"><a href="/api/openapi.json">OpenAPI 3.1 document</a></p>\n')
    for tag in document["tags"]:
        parts.append(f"<h2>{escape(tag['name'])}</h2>\n")
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if tag["name"] in operation["tags"]:
                    parts.append(_operation(method, path, operation))
    parts.append("<h2>Models</h2>\n")
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts.append(_model(name, schema))
    parts.append(_problems())
    parts.append(_FOOT)
    return "".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    name = escape(operation["operationId"])
    lines = [
        (
            f'<h3 id="{name}"><span class="method">{escape(method.upper())}</span> '
            f"<code>{escape(path)}</code></h3>\n"
        ),
        f"<p>{_text(operation['summary'])}</p>\n",
        _paragraphs(operation.get("description", "")),
    ]
    if not operation["security"]:
        lines.append('<p class="small">Needs no session.</p>\n')
    rows = [_parameter(parameter) for parameter in operation.get("parameters", [])]
    body = operation.get("requestBody")
    if body is not None:
        rows.append(("body", _content(body["content"]), body.get("description", "")))
    for status, response in operation["responses"].items():
        if status != "default":
            content = _content(response["content"]) if "content" in response else ""
            rows.append((status, content, response["description"]))
    lines.append(_table(rows))
    return "".join(lines)


def _parameter(parameter: dict[str, Any]) -> tuple[str, str, str]:
    kind = _type(parameter["schema"])
    needed = "required" if parameter["required"] else "optional"
    described = parameter.get("description", "")
    return f"{parameter['name']} ({parameter['in']})", kind, f"{needed}. {described}"


def _content(content: dict[str, Any]) -> str:
    return ", ".join(
        _type(described["schema"]) if "schema" in described else media_type
        for media_type, described in content.items()
    )


def _model(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", []))
    rows = [
        (
            field,
            _type(described),
            described.get("description", "")
            if field in required
            else f"optional. {described.get('description', '')}",
        )
        for field, described in schema.get("properties", {}).items()
    ]
    heading = f'<h3 id="model-{escape(name)}">{escape(name)}</h3>\n'
    return heading + f"<p>{_text(schema.get('description', ''))}</p>\n" + _table(rows)


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words; a reference by its model's name."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    limits = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
        if key in schema
    ]
    return " ".join([str(schema.get("type", "any")), *limits])


def _problems() -> str:
    meanings = problem_meanings()
    lines = ["<h2>Problems</h2>\n"]
    for code, status in sorted(STATUS_OF_CODE.items()):
        lines.append(
            f'<h3 id="problem-{escape(code)}"><code>{escape(code)}</code> ({status})</h3>\n'
            f"<p>{escape(meanings.get(code, ''))}</p>\n"
        )
    return "".join(lines)


def _table(rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<tr><td><code>{escape(a)}</code></td><td>{escape(b)}</td><td>{_text(c)}</td></tr>\n"
        for a, b, c in rows
    )
    return f"<table>\n{cells}</table>\n"


def _paragraphs(text: str) -> str:
    found = (" ".join(part.split()) for part in text.split("\n\n"))
    return "".join(f"<p>{_text(part)}</p>\n" for part in found if part)


def _text(text: str) -> str:
    """Escaped, with what stands between backquotes as code."""
    pieces = escape(text.replace("``", "`")).split("`")
    return "".join(
        f"<code>{piece}</code>" if place % 2 else piece for place, piece in enumerate(pieces)
    )
