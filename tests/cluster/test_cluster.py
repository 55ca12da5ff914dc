"""The cluster that the other tests of this folder stand on is a real one, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kubernetes.client import ApiException

from tests.cluster import cache, cgroups
from tests.cluster.instance import Addresses
from tests.cluster.pods import Pods, pod, until
from tests.cluster.sandbox import TUNABLES

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster
    from tests.cluster.images import Images
    from tests.cluster.reach import Reach
    from tests.cluster.training_volume import TrainingVolume

_SLEEP = ("python3", "-c", "import signal, time; signal.signal(15, lambda *_: exit(0)); time.sleep(600)")


def test_a_node_is_ready(cluster: Reach) -> None:
    """A cluster that is up has a node that takes pods."""
    conditions = [condition for node in cluster.core.list_node().items for condition in node.status.conditions]
    assert "True" in [one.status for one in conditions if one.type == "Ready"]


@pytest.mark.parametrize(
    ("image", "command"),
    [
        ("worker", ["python", "-m", "voc_worker", "--help"]),
        ("operator", ["python", "-m", "voc_operator", "--help"]),
    ],
)
def test_each_image_answers_as_a_restricted_pod(pods: Pods, images: Images, image: str, command: list[str]) -> None:
    """The programs of every image start as an unprivileged user on a root file system that nobody can write."""
    code, said = pods.run(pod(getattr(images, image), command))
    assert (code, "usage:" in said) == (0, True), said


def test_the_trainer_runs_on_packages_from_a_volume(pods: Pods, images: Images, training: TrainingVolume) -> None:
    """The trainer answers and finds PyTorch, whose gigabytes come from a volume instead of an image layer."""
    manifest = pod(
        images.trainer,
        ["sh", "-c", "python -m voc_training --help && python -c 'import torch; print(torch.__version__)'"],
        mounts=training.mounts,
        volumes=training.volumes,
    )
    code, said = pods.run(manifest)
    assert (code, "usage:" in said) == (0, True), said


def test_a_pod_over_its_memory_is_killed(pods: Pods, images: Images) -> None:
    """The kernel ends a container that takes more than its limit, and its state says OOMKilled."""
    hungry = pod(images.worker, ["python", "-c", "b'x' * (1 << 29)"], limits={"memory": "64Mi"})
    ended = pods.wait(pods.create(hungry), "Failed").status.container_statuses[0].state.terminated
    assert (ended.exit_code, ended.reason) == (137, "OOMKilled")


def test_a_privileged_pod_is_refused(pods: Pods, images: Images) -> None:
    """Pod Security restricted holds in the tests' namespaces."""
    manifest = pod(images.worker, _SLEEP, hostNetwork=True)
    with pytest.raises(ApiException, match="violates PodSecurity"):
        pods.create(manifest)


def test_two_cards_run_two_pods(own_cluster: Cluster, pods: Pods, images: Images) -> None:
    """An extended resource is scheduled as cards are: the third pod waits until one of the two ends."""
    own_cluster.set_capacity("node-1", "nvidia.com/gpu", 2)
    names = [pods.create(pod(images.worker, _SLEEP, limits={"nvidia.com/gpu": "1"})) for _ in range(3)]

    def phases() -> list[str]:
        return sorted(pods.read(name).status.phase for name in names)

    until("two pods run and one waits", lambda: phases() == ["Pending", "Running", "Running"])
    first = next(name for name in names if pods.read(name).status.phase == "Running")
    pods.api.delete_namespaced_pod(first, pods.namespace)
    names.remove(first)
    until("the third runs", lambda: phases() == ["Running", "Running"])


def test_the_api_server_restarts_alone(own_cluster: Cluster, pods: Pods, images: Images) -> None:
    """A killed API server comes back with its data, and pods go on meanwhile."""
    name = pods.create(pod(images.worker, _SLEEP))
    started = pods.wait(name, "Running").status.container_statuses[0].state.running.started_at
    own_cluster.kill("kube-apiserver")
    own_cluster.start("kube-apiserver")
    now = pods.wait(name, "Running").status.container_statuses[0]
    assert (now.state.running.started_at, now.restart_count) == (started, 0)


def test_a_lost_kubelet_makes_its_node_not_ready(own_cluster: Cluster, pods: Pods, images: Images) -> None:
    """A node whose kubelet never comes back is NotReady, and its pod hangs in termination."""
    lost = own_cluster.add_node()
    try:
        name = pods.create(pod(images.worker, _SLEEP, nodeSelector={"kubernetes.io/hostname": lost}))
        pods.wait(name, "Running")
        own_cluster.kill("kubelet", lost)
        own_cluster.wait_for_node(lost, ready=False)
        until("the pod is to be deleted", lambda: pods.read(name).metadata.deletion_timestamp is not None)
        assert pods.read(name).status.phase == "Running"
    finally:
        own_cluster.remove_node(lost)
        own_cluster.core.delete_node(lost)


def test_nothing_is_left_when_the_owner_is_killed(own_cluster: Cluster) -> None:
    """A second cluster runs beside this one; when its owner is killed, links, control groups and processes go."""
    owner = subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.bare"], cwd=cache.ROOT, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout is not None
        second = Addresses(int(owner.stdout.readline()))
        assert second.number != own_cluster.addresses.number
        assert second.folder.is_dir()
        assert cgroups.existing(second.cgroup)
        assert _processes(second.folder)
        os.kill(owner.pid, signal.SIGKILL)
    until("its processes are gone", lambda: not _processes(second.folder))
    until("its folder is gone", lambda: not second.folder.exists())
    assert not cgroups.existing(second.cgroup)
    assert not Path(f"/sys/class/net/{second.link}").exists()
    assert str(second.folder) not in Path("/proc/mounts").read_text(encoding="utf-8")


def _processes(folder: Path) -> list[str]:
    """Return the command lines of processes that name the folder; the keeper does not."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def test_the_machine_keeps_its_own_kernel_settings(own_cluster: Cluster, kernel_settings: dict[str, str]) -> None:
    """Kubelet sets some for the whole machine; here it finds them set, inside its sandbox alone."""
    assert own_cluster.nodes
    assert kernel_settings == {name: Path(f"/proc/sys/{name}").read_text(encoding="ascii") for name in TUNABLES}
