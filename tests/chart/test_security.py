"""What the chart's pods may do: Pod Security, rights, network."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.render import EVERYTHING, REQUIRED, Object, named, objects, pod_specs
from tests.tools_go import GoTool
from voc_models.months import Month
from voc_models.run import Mode, RunSpec, Step, steps
from voc_operator.config import read_config
from voc_operator.jobs import Attempt, RunRef, build_job

RUN = RunRef(
    "full-2025-12", "voc", "1a2b3c4d-0000", "full_20260101_020000_1a2b3", Month(2025, 12), "2025-12-31T17:00:00Z"
)
NAMESPACED = "Role"


def all_pods(tool: GoTool, *words: str) -> dict[str, Object]:
    """Return the chart's pods and those that the operator makes of its configuration."""
    found = objects(tool, *REQUIRED, *words)
    config = read_config(named(found, "ConfigMap", "voc-nlp-operator")["data"]["config.yaml"])
    specs = pod_specs(found)
    for mode in Mode:
        for step in steps(mode):
            job = build_job(RUN, RunSpec(mode=mode), config, Attempt(step, "95" if step is Step.BUILDING else "", 0))
            specs[f"{mode.value}/{step.value}"] = job["spec"]["template"]["spec"]
    return specs


def offences(spec: Object) -> list[str]:
    """Return what of Pod Security `restricted` a pod spec offends.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    pod = spec.get("securityContext", {})
    found = [f"{name} is set" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    allowed = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
        "name",
    }
    found += [f"volume {volume['name']}" for volume in spec.get("volumes", []) if volume.keys() - allowed]
    if pod.get("runAsNonRoot") is not True or pod.get("runAsUser") == 0:
        found.append("may run as root")
    if pod.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        found.append("has no seccomp profile")
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        security = container.get("securityContext", {})
        if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
            found.append("may escalate")
        if security.get("capabilities") != {"drop": ["ALL"]}:
            found.append("keeps capabilities")
        if security.get("readOnlyRootFilesystem") is not True:
            found.append("may write its root file system, which restricted allows and this project does not")
    return found


def test_every_pod_is_restricted(helm4: GoTool) -> None:
    """Pods of the chart and of the operator's Jobs obey Pod Security `restricted`, whatever is switched on."""
    specs = all_pods(helm4, *EVERYTHING)
    expected = {
        "Deployment/voc-nlp-operator",
        "Job/voc-nlp-cancel",
        "Pod/voc-nlp-check-operator",
        "Pod/voc-nlp-check-worker",
    }
    assert expected | {f"CronJob/voc-nlp-{mode}" for mode in ("full", "refresh", "train")} < specs.keys()
    assert {name: offences(spec) for name, spec in specs.items() if offences(spec)} == {}


def test_the_check_sees_offences() -> None:
    """The check itself refuses a pod that says nothing about its security."""
    assert offences({"containers": [{}], "volumes": [{"name": "x", "hostPath": {}}], "hostNetwork": True}) == [
        "hostNetwork is set",
        "volume x",
        "may run as root",
        "has no seccomp profile",
        "may escalate",
        "keeps capabilities",
        "may write its root file system, which restricted allows and this project does not",
    ]


def test_only_pods_that_ask_the_api_get_a_token(helm4: GoTool) -> None:
    """The operator's image gets a token, the steps and the worker's check get none, nor does any account by itself."""
    found = objects(helm4, *REQUIRED)
    tokens = {name: spec["automountServiceAccountToken"] for name, spec in all_pods(helm4).items()}
    silent = {name for name, token in tokens.items() if not token}
    assert silent == {
        "Pod/voc-nlp-check-worker",
        *(f"{mode.value}/{step.value}" for mode in Mode for step in steps(mode)),
    }
    accounts = [one for one in found if one["kind"] == "ServiceAccount"]
    assert [account["automountServiceAccountToken"] for account in accounts] == [False] * 3


def grants(role: Object) -> set[tuple[str, str, str]]:
    """Return a role's rights as (group, resource, verb)."""
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


RIGHTS = {
    "voc-nlp-operator": {
        *(("vocnlp.io", "vocmonthlyruns", verb) for verb in ("get", "list", "watch", "patch")),
        ("vocnlp.io", "vocmonthlyruns/status", "patch"),
        ("vocnlp.io", "vocmonthlyruns/finalizers", "update"),
        *(("batch", "jobs", verb) for verb in ("get", "list", "watch", "create", "delete")),
        *(("", "pods", verb) for verb in ("list", "watch")),
        ("", "events", "create"),
    },
    "voc-nlp-trigger": {
        ("vocnlp.io", "vocmonthlyruns", "create"),
        ("vocnlp.io", "vocmonthlyruns", "get"),
        ("batch", "jobs", "get"),
    },
}


@pytest.mark.parametrize(("name", "rights"), RIGHTS.items())
def test_an_account_has_exactly_its_rights(helm4: GoTool, name: str, rights: set[tuple[str, str, str]]) -> None:
    """Each Role grants what its account needs, is bound to that account alone, and no wildcard is in it."""
    found = objects(helm4, *REQUIRED)
    assert grants(named(found, NAMESPACED, name)) == rights
    binding = named(found, "RoleBinding", name)
    assert binding["roleRef"]["name"] == name
    assert [(subject["kind"], subject["name"]) for subject in binding["subjects"]] == [("ServiceAccount", name)]


def test_without_its_definition_a_release_has_nothing_cluster_wide(helm4: GoTool) -> None:
    """Where the CRD is there already, an install needs no right beyond its namespace; Roles can be left out, too."""
    found = objects(helm4, *REQUIRED, "--set=crds.create=false")
    assert [one["kind"] for one in found if "namespace" not in one["metadata"]] == []
    assert not {one["kind"] for one in objects(helm4, *REQUIRED)} & {"ClusterRole", "ClusterRoleBinding"}
    assert not {one["kind"] for one in objects(helm4, *REQUIRED, "--set=rbac.create=false")} & {"Role", "RoleBinding"}


def test_the_clusters_own_roles_reach_runs_on_request(helm4: GoTool) -> None:
    """With aggregateRoles, view sees runs, edit starts them, and admin has every right that an install hands out."""
    words = (*REQUIRED, "--set=crds.aggregateRoles=true")
    found = objects(helm4, *words)
    label = "rbac.authorization.k8s.io/aggregate-to-"
    rights = {
        name.removeprefix(label): grants(one)
        for one in found
        if one["kind"] == "ClusterRole"
        for name in one["metadata"]["labels"]
        if name.startswith(label)
    }
    assert rights["view"] == {("vocnlp.io", "vocmonthlyruns", verb) for verb in ("get", "list", "watch")}
    assert {resource for _, resource, _ in rights["edit"]} == {"vocmonthlyruns"}
    handed_out = {right for name in RIGHTS for right in RIGHTS[name] if right[0] == "vocnlp.io"}
    assert handed_out <= rights["view"] | rights["edit"] | rights["admin"]
    without = objects(helm4, *words, "--set=crds.create=false")
    assert [one for one in without if one["kind"] == "ClusterRole"] == []


def selected(policy: Object, labels: dict[str, str]) -> bool:
    """Return whether a NetworkPolicy selects a pod with ``labels``."""
    selector = policy["spec"]["podSelector"]
    matches = all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
    return matches and all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", []))


def ports(policy: Object) -> list[tuple[set[tuple[str, int]], list[str]]]:
    """Return each egress rule as its ports and ranges."""
    rules: list[dict[str, Any]] = policy["spec"]["egress"]
    return [
        (
            {(port["protocol"], port["port"]) for port in rule["ports"]},
            [to["ipBlock"]["cidr"] for to in rule.get("to", [])],
        )
        for rule in rules
    ]


def test_every_pod_has_its_network_policy(helm4: GoTool) -> None:
    """Each pod of the chart and of the operator's Jobs is selected by exactly one policy that limits both ways."""
    found = objects(helm4, *REQUIRED)
    policies = [one for one in found if one["kind"] == "NetworkPolicy"]
    assert all(one["spec"]["policyTypes"] == ["Ingress", "Egress"] for one in policies)
    config = read_config(named(found, "ConfigMap", "voc-nlp-operator")["data"]["config.yaml"])
    labels = [
        *(
            build_job(RUN, RunSpec(mode=mode), config, Attempt(step, "", 0))["spec"]["template"]["metadata"]["labels"]
            for mode in Mode
            for step in steps(mode)
        ),
        *(one["metadata"]["labels"] for one in found if one["kind"] == "Pod"),
        *(one["spec"]["template"]["metadata"]["labels"] for one in found if one["kind"] in {"Deployment", "Job"}),
        *(
            one["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
            for one in found
            if one["kind"] == "CronJob"
        ),
    ]
    assert [sum(selected(policy, one) for policy in policies) for one in labels] == [1] * len(labels)


def test_steps_reach_names_store_and_database_only(helm4: GoTool) -> None:
    """By default the steps' way out is DNS, 443 and the database's port, and no way leads to them."""
    policy = named(objects(helm4, *REQUIRED, "--set=database.port=6432"), "NetworkPolicy", "voc-nlp-jobs")
    assert ports(policy) == [({("UDP", 53), ("TCP", 53)}, []), ({("TCP", 443)}, []), ({("TCP", 6432)}, [])]
    assert policy["spec"]["ingress"] == []


def test_the_network_is_narrowed_by_ranges_and_ports(helm4: GoTool) -> None:
    """Ranges and ports are configurable, and an endpoint's own port is opened without being said twice."""
    words = (
        "--set=store.endpointUrl=http://s3.example.com:9000",
        '--set-json=networkPolicy.store.cidrs=["10.1.0.0/16"]',
        '--set-json=networkPolicy.apiServer={"cidrs": ["10.2.0.1/32"], "ports": [6443]}',
        "--set=review.backend=sheets",
        "--set=review.sheetsId=1AbC",
        '--set-json=networkPolicy.google.cidrs=["2001:db8::/32"]',
    )
    found = objects(helm4, *REQUIRED, *words)
    dns: tuple[set[tuple[str, int]], list[str]] = ({("UDP", 53), ("TCP", 53)}, [])
    store = ({("TCP", 9000)}, ["10.1.0.0/16"])
    assert ports(named(found, "NetworkPolicy", "voc-nlp-operator")) == [dns, ({("TCP", 6443)}, ["10.2.0.1/32"]), store]
    assert ports(named(found, "NetworkPolicy", "voc-nlp-jobs")) == [
        dns,
        store,
        ({("TCP", 5432)}, []),
        ({("TCP", 443)}, ["2001:db8::/32"]),
    ]
