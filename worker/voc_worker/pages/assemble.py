"""Turn a view into one self-contained file: styles and script inside, allowed by hash and nothing else allowed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from voc_worker.pages.texts import Texts


def _static(name: str) -> str:
    text = (resources.files("voc_worker.pages") / "static" / name).read_text(encoding="utf-8")
    return "\n".join(line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("//"))


def source_hash(text: str) -> str:
    """Return the CSP source expression that allows exactly this inline text (CSP level 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy of a page with one style element and at most one script element."""
    scripts = source_hash(script) if script else "'none'"
    return (
        f"default-src 'none'; style-src {source_hash(style)}; script-src {scripts}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the template environment: everything escaped, an unknown name is an error."""
    return Environment(
        loader=PackageLoader("voc_worker.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def page(template: str, view: Mapping[str, object], texts: Texts, *, scripted: bool = True) -> str:
    """Render ``template`` with ``view`` into a complete document; equal input gives equal bytes."""
    style = _static("style.css")
    script = _static("script.js") if scripted else ""
    return (
        environment()
        .get_template(template)
        .render(
            **view,
            t=texts,
            lang=texts.language,
            policy=policy(style, script),
            style=Markup(style),  # noqa: S704 - our own packaged stylesheet, which must stay as it was hashed
            script=Markup(script),  # noqa: S704 - our own packaged script, which must stay as it was hashed
        )
    )
