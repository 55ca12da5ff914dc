"""How the demo ends: what changed, and where everything lies."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from voc_models import keys
from voc_worker.demo import story
from voc_worker.demo.story import MONTH, NEXT_MONTH, Story


def print_ending(told: Story) -> None:
    """Print the table of accuracies and the places to look at."""
    table = Table("Month", "Tagged by", "Rows", "주제 right", "작업유형 right", "both right", "left to correct")
    for month, model, rows, subject, work, both in told.facts(story.next_month)["table"]:
        shares = (f"{share:.1%}" for share in (subject, work, both))
        table.add_row(month, model, str(rows), *shares, str(round(rows * (1 - both))))
    told.say("\n■ What the loop is for: less to correct (measured against the sample's true labels)")
    told.state.reporter.console.print(table)
    told.say("\n■ Where it lies")
    for what, where in places(told.home / "store").items():
        told.say(f"  {what:<22} {where}")
    total = sum(chapter["seconds"] for chapter in told.told.values())
    told.say(f"\nThe chapters took {total:.0f} s in all. To go on with what they made:")
    told.say(f"  cd {told.home}    then: voc serve, voc doctor, voc models, voc review report --month {MONTH}, …")
    told.say("make demo-clean removes it all.")


def places(store: Path) -> dict[str, Path | str]:
    """Return what a person will want to open."""
    folder = store / MONTH.compact
    fleets = sorted((store / NEXT_MONTH.compact).glob("fleet_*.html"))
    return {
        "dashboards, December": f"{folder}/*/dashboard.html",
        "dashboards, January": f"{store / NEXT_MONTH.compact}/*/dashboard.html",
        "fleet report": fleets[-1] if fleets else "",
        "CSV files": f"{folder}/*/tagged_*.csv and reviewed_*.csv",
        "review workbook": store / keys.review_workbook(MONTH),
        "models": store / "models",
    }
