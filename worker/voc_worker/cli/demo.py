"""``voc demo``: the product's loop, on a made-up customer, with embedded parts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from voc_worker.cli.state import State
from voc_worker.demo import story
from voc_worker.demo.ending import print_ending
from voc_worker.embedded import EmbeddedPostgres

CHAPTERS: tuple[tuple[str, story.Chapter], ...] = (
    ("A customer", story.sample),
    ("A year goes by: months tagged by keywords, reviewed completely", story.earlier_months),
    ("1 January: full. December is tagged by keywords", story.first_of_the_month),
    ("Until the 14th: reviewers correct tags in the workbook", story.reviewers),
    ("15 January: refresh. The same links show reviewed numbers", story.fifteenth_of_the_month),
    ("Second thoughts: a Y is withdrawn, and refresh runs again", story.second_thoughts),
    ("20 January: train. A small model learns from the reviews", story.training),
    ("1 February: full. January is tagged by the model in service", story.next_month),
)


#: So that every other command works on what the demo made, from inside its folder.
SETTINGS = """# Made by voc demo: every command typed in this folder works on what the demo made.
OUT_DIR=.
LOG_DIR=logs
MODEL_DIR=models
WRITE_CLASSIFICATION=true
"""


def demo(
    home: Annotated[Path, typer.Option(help="Folder for everything that the demo makes.")] = Path("var/demo"),
    remove: Annotated[bool, typer.Option("--remove", help="Remove that folder and stop its database.")] = False,
) -> None:
    """Run a whole month on a made-up customer: tag, review, refresh, train, and tag the next month.

    Uses nothing of your settings. A second demo takes seconds; --remove starts over.
    """
    folder = home.resolve()
    if remove:
        if (folder / "postgres").exists():
            EmbeddedPostgres(folder / "postgres").stop()
        shutil.rmtree(folder, ignore_errors=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    state = State(
        None,
        {
            "base_dir": folder,
            "out_dir": Path(),
            "log_dir": Path("logs"),
            "model_dir": Path("models"),
            "write_classification": True,
        },
    )
    (folder / ".env").write_text(SETTINGS, encoding="utf-8")
    told = story.Story(state, folder)
    for title, chapter in CHAPTERS:
        told.tell(title, chapter)
    print_ending(told)
