"""``check``: what ``helm test`` runs in the operator's image. Is the API served, and may the operator do its work?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from voc_models.exit_codes import DataError, ExitCode, UsageError
from voc_models.run import API_VERSION, KIND
from voc_operator.config import read_config
from voc_operator.connection import connect
from voc_operator.rights import OPERATOR, Right
from voc_operator.settings import Settings, read_text


class Api(Protocol):
    """What the check asks of the cluster."""

    namespace: str

    def crd_served(self) -> bool:
        """Tell whether the API server knows VocMonthlyRun."""

    def can_i(self, verb: str, resource: str, group: str = ..., subresource: str = ...) -> bool:
        """Tell whether this service account may do that in the namespace."""


class Finding(NamedTuple):
    """One line of the check."""

    code: ExitCode
    sentence: str


def run(settings: Settings, _given: argparse.Namespace) -> None:
    """Print one line for each thing that must be so.

    Raises:
        DataError: the CRD is not served.
        UsageError: a right is missing, or the configuration is wrong.
    """
    config = read_config(read_text(settings.config_file))
    findings = [Finding(ExitCode.OK, f"The configuration is valid; steps run {config.worker_image}.")]
    findings += examine(connect(settings))
    for finding in findings:
        sys.stdout.write(f"{'ok  ' if finding.code is ExitCode.OK else 'FAIL'}  {finding.sentence}\n")
    conclude(findings)


def examine(api: Api, rights: Sequence[Right] = OPERATOR) -> Iterator[Finding]:
    """Yield whether the API is served, then a line for each right."""
    if api.crd_served():
        yield Finding(ExitCode.OK, f"{KIND} {API_VERSION} is served.")
    else:
        yield Finding(ExitCode.DATA, f"{KIND} {API_VERSION} is not served. Install the chart with crds.create=true.")
    for right in rights:
        if api.can_i(*right):
            yield Finding(ExitCode.OK, f"The operator may {right} in {api.namespace}.")
        else:
            role = "Install with rbac.create=true, or bind that right yourself."
            yield Finding(ExitCode.USAGE, f"The operator may not {right} in {api.namespace}. {role}")


def conclude(findings: Sequence[Finding]) -> None:
    """Raise for what failed.

    Raises:
        UsageError: a right is missing.
        DataError: the CRD is not served.
    """
    failed = [finding for finding in findings if finding.code is not ExitCode.OK]
    if not failed:
        return
    text = f"{len(failed)} of {len(findings)} checks failed. {' '.join(finding.sentence for finding in failed)}"
    raise (UsageError if any(finding.code is ExitCode.USAGE for finding in failed) else DataError)(text)
