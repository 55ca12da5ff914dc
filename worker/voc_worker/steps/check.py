"""``check``: what ``helm test`` runs in the worker's image, with the settings that every step gets."""

from __future__ import annotations

import sys

from voc_models.answer import Answer
from voc_models.exit_codes import ExitCode, VocError
from voc_worker.checks import CONTAINER, examine, worst
from voc_worker.wiring import Parts


class CheckFailedError(VocError):
    """Something does not work; ``exit_code`` is that of what a person has to do most about."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def run(parts: Parts) -> Answer:
    """Print one line for each check and return the answer.

    Raises:
        CheckFailedError: at least one failed; the sentence holds the failed lines.
    """
    findings = []
    for finding in examine(parts, CONTAINER):
        print(finding.line, file=sys.stdout, flush=True)  # noqa: T201 - what `helm test --logs` shows
        findings.append(finding)
    failed = [f"{finding.name}: {finding.sentence}" for finding in findings if not finding.fine]
    if failed:
        raise CheckFailedError(
            f"{len(failed)} of {len(findings)} checks failed. {' '.join(failed)}",
            worst([finding.code for finding in findings]),
        )
    return Answer(message=f"All {len(findings)} checks passed.")
