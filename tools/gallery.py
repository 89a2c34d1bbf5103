"""One page with every figure, for looking them over: pictures, or without a browser the interactive figures."""

import base64
import html
from collections.abc import Sequence

import plotly.io as pio
from plotly.offline import get_plotlyjs

from .outputs import Figure
from .pictures import size

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; }}
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
  figure {{ margin: 2.5rem 0; }}
  img {{ max-width: 100%; height: auto; }}
  .where {{ opacity: .75; font-size: .875rem; }}
  .warning {{ font-weight: 600; }}
  .warning::before {{ content: "⚠ "; }}
</style>
{script}
</head>
<body>
<h1>{title}</h1>
<p>{about}</p>
"""


def page(figures: Sequence[Figure], pictures: Sequence[bytes | Exception] | None, note: str) -> str:
    """The page as HTML; it loads nothing from anywhere.

    Args:
        figures: in the order in which they are shown.
        pictures: PNG of each, or what went wrong with it; None shows all of them interactively.
        note: a sentence for the top of the page.
    """
    about = f"{len(figures)} figures. {note}"
    script = f"<script>{get_plotlyjs()}</script>" if pictures is None else ""
    parts = [_HEAD.format(title="Every figure of the course", about=html.escape(about), script=script)]
    notebook = ""
    for number, figure in enumerate(figures):
        if figure.notebook != notebook:
            notebook = figure.notebook
            parts.append(f"<h2>{html.escape(notebook)}</h2>")
        shown = _interactive(figure) if pictures is None else _picture(figure, pictures[number])
        parts.append(_entry(number + 1, figure, shown))
    return "\n".join([*parts, "</body>\n</html>\n"])


def _entry(number: int, figure: Figure, shown: str) -> str:
    alt = html.escape(figure.alt) if figure.alt else '<span class="warning">no alt text</span>'
    title = html.escape(figure.title) if figure.title else '<span class="warning">no title</span>'
    name = f" · {html.escape(figure.name)}" if figure.name else ""
    where = f"{html.escape(figure.notebook)}, cell {figure.cell}{name} · <code>{html.escape(figure.first_line)}</code>"
    return (
        f'<figure id="figure-{number}">\n<h3>{number}. {title}</h3>\n<p class="where">{where}</p>\n{shown}\n'
        f"<figcaption>{alt}</figcaption>\n</figure>"
    )


def _picture(figure: Figure, png: bytes | Exception) -> str:
    if isinstance(png, Exception):
        return f'<p class="warning">could not be drawn: {html.escape(str(png))}</p>'
    data = base64.b64encode(png).decode()
    width = round(size(figure.spec)["width"])
    return f'<img width="{width}" alt="{html.escape(figure.alt)}" src="data:image/png;base64,{data}">'


def _interactive(figure: Figure) -> str:
    spec = {key: figure.spec[key] for key in ("data", "layout", "frames") if key in figure.spec}
    return pio.to_html(spec, full_html=False, include_plotlyjs=False, include_mathjax=False, validate=False)
