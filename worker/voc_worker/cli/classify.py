"""``voc classify``: one sentence, by the model in service."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from voc_models.exit_codes import UsageError
from voc_models.labels import HEAD_NAMES, HEADS
from voc_models.run import CHAMPION_MODEL
from voc_worker.cli.state import state
from voc_worker.model_tagger import classify as classify_text
from voc_worker.tagging import RowText


def classify(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="The request; - reads it from standard input.")],
    reply: Annotated[str, typer.Option(help="The reply, when there is one: it often decides the work type.")] = "",
    model_version: Annotated[str, typer.Option(help="champion, keyword, or a release.")] = CHAMPION_MODEL,
) -> None:
    """Classify one request: labels, confidence and the three runners-up of each head.

    Example:
        voc classify "화장실이 너무 더러워요"
    """
    request = sys.stdin.read() if text == "-" else text
    if not request.strip():
        raise UsageError("There is nothing to classify. Give the request as one argument in quotes.")
    now = state(context)
    with now.parts.source() as source:
        taxonomy = source.taxonomy()
    model = now.parts.registry.resolve(model_version)
    answers = classify_text(now.parts.tagger(model, taxonomy), RowText("", request, reply))
    now.reporter.say(f"Model: {model.release}")
    for head in HEADS:
        best, *others = answers[head]
        now.reporter.say(f"{HEAD_NAMES[head]}: {best.label.major} > {best.label.minor}  {best.confidence:.2f}")
        for other in others:
            now.reporter.say(f"    {other.confidence:.2f}  {other.label.major} > {other.label.minor}")
