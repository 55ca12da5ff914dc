"""``voc backfill``: months that a cluster missed; the operator's own command, started as a process."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import Annotated

import typer

from voc_models.exit_codes import UsageError
from voc_models.run import Mode
from voc_models.settings import child_environment
from voc_worker.cli.state import state

_OPERATOR = "voc_operator"


def backfill(
    context: typer.Context,
    months: Annotated[str, typer.Option(help="Such as 2025-10,2025-11.")],
    mode: Annotated[Mode, typer.Option(help="Mode of the runs.")] = Mode.FULL,
    namespace: Annotated[str | None, typer.Option(help="Of the runs. Omitted: NAMESPACE.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the manifests and change nothing.")] = False,
) -> None:
    """Make up for months on the cluster that KUBECONFIG names: retry what failed, create what is missing.

    A run that succeeded or is under way stays as it is. Names are those of the schedules, such as full-2025-12.

    Example:
        voc backfill --months 2025-10,2025-11 --namespace voc-prod --dry-run
    """
    # Only the operator's image and the development environment have the client for Kubernetes.
    if importlib.util.find_spec("kubernetes") is None:
        raise UsageError("voc backfill needs the operator's packages. Install them: pip install 'voc-nlp[operator]'.")
    words = ["--months", months, "--mode", mode.value]
    words += ["--namespace", namespace] if namespace else []
    words += ["--dry-run"] if dry_run else []
    command = [sys.executable, "-m", _OPERATOR, "backfill", *words]
    done = subprocess.run(command, env=child_environment(state(context).env, {}), check=False)  # noqa: S603 - no shell
    if done.returncode:
        raise typer.Exit(done.returncode)
