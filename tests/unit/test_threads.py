"""The container's CPU limit, read from made-up cgroup trees of both versions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from voc_models.threads import available_cpus


@pytest.fixture(autouse=True)
def _many_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(64)))


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    return root


V2 = {"proc/self/cgroup": "0::/kubepods/pod1/worker"}
V1 = {"proc/self/cgroup": "9:memory:/pod1\n3:cpu,cpuacct:/kubepods/pod1\n0::/"}


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        pytest.param({}, 64, id="no cgroups"),
        pytest.param({**V2, "sys/fs/cgroup/cpu.max": "400000 100000"}, 4, id="v2: the container's own root"),
        pytest.param(
            {**V2, "sys/fs/cgroup/kubepods/pod1/worker/cpu.max": "150000 100000"}, 2, id="v2: a CPU and a half"
        ),
        pytest.param({**V2, "sys/fs/cgroup/kubepods/pod1/worker/cpu.max": "50000 100000"}, 1, id="v2: half a CPU"),
        pytest.param({**V2, "sys/fs/cgroup/kubepods/pod1/worker/cpu.max": "max 100000"}, 64, id="v2: none"),
        pytest.param(
            {**V2, "sys/fs/cgroup/kubepods/pod1/worker/cpu.max": "max 100000", "sys/fs/cgroup/kubepods/cpu.max": "3 1"},
            3,
            id="v2: a limit above",
        ),
        pytest.param({**V2, "sys/fs/cgroup/cpu.max": "nonsense"}, 64, id="v2: unreadable"),
        pytest.param(
            {
                **V1,
                "sys/fs/cgroup/cpu,cpuacct/kubepods/pod1/cpu.cfs_quota_us": "200000",
                "sys/fs/cgroup/cpu,cpuacct/kubepods/pod1/cpu.cfs_period_us": "100000",
            },
            2,
            id="v1: the pod's folder",
        ),
        pytest.param(
            {**V1, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "500000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
            5,
            id="v1: the host's path, the container's mount",
        ),
        pytest.param(
            {**V1, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
            64,
            id="v1: none",
        ),
        pytest.param(
            {**V1, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "5", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "0"},
            64,
            id="v1: a period of nothing",
        ),
        pytest.param({"proc/self/cgroup": "broken line"}, 64, id="a line without colons"),
    ],
)
def test_the_limit_is_the_containers(tmp_path: Path, files: dict[str, str], cpus: int) -> None:
    """The least limit of the cgroup and those above counts, rounded up; what cannot be read limits nothing."""
    assert available_cpus(_write(tmp_path, files)) == cpus


def test_affinity_limits_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process pinned to two CPUs starts two threads, whatever the quota."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3, 5})
    assert available_cpus(_write(tmp_path, {**V2, "sys/fs/cgroup/cpu.max": "400000 100000"})) == 2


def test_this_machine_has_a_cpu() -> None:
    """The real files of this machine give at least one."""
    assert 1 <= available_cpus() <= 64
