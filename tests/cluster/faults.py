"""Faults for the steps of an installed product: a ConfigMap whose module Python runs before the step's own code."""

from __future__ import annotations

import json
from typing import Any, Final

#: How building ids are mapped to what happens: {"exit": code}, {"memory": true} or {"sleep": seconds}.
Faults = dict[str, dict[str, Any]]

_NAME: Final = "faults"
_MODULE: Final = """
import json, os, pathlib, sys, time

words = sys.orig_argv
if "--building" in words and "building" in words:
    fault = json.loads(pathlib.Path("/faults/faults.json").read_text()).get(words[words.index("--building") + 1], {})
    if "exit" in fault:
        pathlib.Path("/dev/termination-log").write_text(json.dumps({"message": "The test asked for it."}))
        os._exit(fault["exit"])
    if "garbage" in fault:
        pathlib.Path("/dev/termination-log").write_text("\\0not json " * 10_000)
        os._exit(fault["garbage"])
    if "memory" in fault:
        held = [bytearray(1 << 26) for _ in range(1000)]
    time.sleep(fault.get("sleep", 0))
"""


def config_map(faults: Faults) -> dict[str, Any]:
    """Return the ConfigMap that holds the faults."""
    data = {"sitecustomize.py": _MODULE, "faults.json": json.dumps(faults)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": _NAME}, "data": data}


def values(faults: Faults) -> dict[str, Any]:
    """Return the chart's values that bring the faults into every step."""
    return {
        "settings": {"PYTHONPATH": "/faults"},
        "jobs": {
            "volumes": [{"name": _NAME, "configMap": {"name": _NAME}}],
            "volumeMounts": [{"name": _NAME, "mountPath": "/faults", "readOnly": True}],
        },
        "extraObjects": [config_map(faults)],
    }
