"""``python -m bench [section ...]``: measure and print, section by section."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.console import Console

from bench import sections
from bench.measured import Measured, machine, table
from bench.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable


class Section(Protocol):
    """What a file in ``bench/sections`` offers; with ``ON_REQUEST`` it is measured only when it is named."""

    TITLE: str
    measure: Callable[[Workplace], list[Measured]]


def main() -> int:
    """Measure the named sections (all by default); return 1 when a goal is missed, for people who want to script it."""
    names = [module.name for module in pkgutil.iter_modules(sections.__path__)]
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the numbers that the issues name.")
    parser.add_argument(
        "sections", nargs="*", metavar="section", help=f"of {', '.join(names)}; omitted: all but the long ones"
    )
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    chosen = parser.parse_args()
    if unknown := set(chosen.sections) - set(names):
        parser.error(f"there is no section {min(unknown)}; choose from {', '.join(names)}")
    console = Console()
    console.print(machine(), highlight=False)
    results: dict[str, list[Measured]] = {}
    for name in chosen.sections or names:
        section: Section = importlib.import_module(f"bench.sections.{name}")
        if not chosen.sections and getattr(section, "ON_REQUEST", False):
            console.print(f"\nNot measured unless named: {name} ({section.TITLE})", highlight=False)
            continue
        with tempfile.TemporaryDirectory(prefix="voc-bench-") as folder, Workplace(Path(folder)) as place:
            results[name] = section.measure(place)
        console.print()
        console.print(section.TITLE, style="bold", highlight=False)
        console.print(table(results[name]))
    if chosen.json:
        written = {name: [number._asdict() for number in numbers] for name, numbers in results.items()}
        chosen.json.write_text(json.dumps({"machine": machine(), **written}, indent=1) + "\n", encoding="utf-8")
    return int(any(number.verdict == "NO" for numbers in results.values() for number in numbers))


if __name__ == "__main__":
    sys.exit(main())
