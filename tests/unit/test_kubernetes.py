"""What the manifests for Kubernetes promise: they are valid, without rights, and fit the service."""

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import kubernetes_validate
import pytest
from typer.testing import CliRunner

from service.api.telemetry.job_metrics import JobMetricsCollector
from service.cli import app
from service.db.session import make_engine, make_sessions
from service.db.tables import SUBTASK_KIND
from service.main import create_app
from service.settings import Settings, load_settings
from tests.support.containers.compose import ROOT, make_secrets, read_compose
from tests.support.containers.kubernetes import (
    OVERLAYS,
    Manifest,
    build_overlay,
    find_kind,
    list_containers,
    list_pods,
    read_bytes,
    read_environment,
)

OLDEST, NEWEST = "1.30", "1.37"  # versions of Kubernetes
FOREIGN = ("ScaledObject", "PodMonitor")  # of KEDA and of the Prometheus Operator: Kubernetes has no schema
OURS = "kan-service"
SECRETS = "/run/secrets/kan/"
PODS = [(overlay, name) for overlay in OVERLAYS for name in list_pods(overlay)]
OUR_PODS = [
    (overlay, name)
    for overlay, name in PODS
    if "app.kubernetes.io/name" in list_pods(overlay)[name]["metadata"]["labels"]
]
every_pod = pytest.mark.parametrize(("overlay", "name"), PODS)
every_pod_of_ours = pytest.mark.parametrize(("overlay", "name"), OUR_PODS)
every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@every_overlay
def test_every_manifest_follows_its_schema_without_unknown_fields(overlay: str, version: str) -> None:
    for manifest in build_overlay(overlay):
        if manifest["kind"] not in FOREIGN:
            kubernetes_validate.validate(manifest, version, strict=True)


@every_pod
def test_a_pod_is_admitted_under_the_restricted_profile(overlay: str, name: str) -> None:
    spec = list_pods(overlay)[name]["spec"]
    common = spec["securityContext"]

    assert (common["runAsNonRoot"], common["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
    assert common["runAsUser"] > 0
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert all({"emptyDir", "secret"} & volume.keys() for volume in spec["volumes"])
    for container in list_containers(list_pods(overlay)[name]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert all("hostPort" not in port for port in container.get("ports", []))


@every_overlay
def test_the_namespace_enforces_the_restricted_profile(overlay: str) -> None:
    (namespace,) = find_kind(overlay, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@every_pod
def test_a_pod_has_no_access_to_kubernetes_and_no_variables_that_it_did_not_ask_for(
    overlay: str, name: str
) -> None:
    """A Service named kan-api would set KAN_API_PORT, which the settings refuse."""
    spec = list_pods(overlay)[name]["spec"]
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)


@every_pod
def test_every_container_requests_what_it_needs_and_has_a_limit_of_memory(overlay: str, name: str) -> None:
    for container in list_containers(list_pods(overlay)[name]):
        resources = container["resources"]
        assert resources["requests"].keys() == {"cpu", "memory"}
        assert read_bytes(resources["requests"]["memory"]) <= read_bytes(resources["limits"]["memory"])


@every_pod
def test_every_mount_has_its_volume(overlay: str, name: str) -> None:
    maker = find_kind(overlay, "Deployment", "StatefulSet", "Job")[name]["spec"]
    claims = [claim["metadata"] for claim in maker.get("volumeClaimTemplates", [])]
    volumes = {volume["name"] for volume in [*maker["template"]["spec"]["volumes"], *claims]}
    for container in list_containers(maker["template"]):
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes


@every_pod_of_ours
def test_our_pods_run_this_version_as_the_user_of_the_image(overlay: str, name: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    user = re.search(r"useradd .*--uid (\d+)", (ROOT / "service" / "Dockerfile").read_text())
    pod = list_pods(overlay)[name]

    assert user
    assert pod["spec"]["securityContext"]["runAsUser"] == int(user[1])
    for container in list_containers(pod):
        assert container["image"].split("/")[-1] == f"{OURS}:{version}"


def test_the_servers_of_a_trial_are_those_of_compose() -> None:
    compose = read_compose()
    for name in ("postgres", "redis"):
        (container,) = list_containers(list_pods("trial")[name])
        user = list_pods("trial")[name]["spec"]["securityContext"]
        assert container["image"] == compose[name]["image"]
        assert f"{user['runAsUser']}:{user['runAsGroup']}" == compose[name]["user"]


@every_pod_of_ours
def test_every_command_exists(overlay: str, name: str) -> None:
    for container in list_containers(list_pods(overlay)[name]):
        program, command, *options = container["command"]
        help_text = CliRunner().invoke(app, [command, "--help"])
        assert (program, help_text.exit_code) == (OURS, 0)
        assert all(option in help_text.output for option in options)


@every_pod_of_ours
def test_the_settings_of_every_container_are_valid(overlay: str, name: str, tmp_path: Path) -> None:
    for container in list_containers(list_pods(overlay)[name]):
        settings = read_settings(overlay, container, tmp_path)
        assert settings.database_url.startswith("postgresql+psycopg://kan:")
        assert settings.broker_url.startswith("redis://:")


@every_pod
def test_every_secret_that_a_container_reads_is_mounted_and_made(
    overlay: str, name: str, tmp_path: Path
) -> None:
    pod = list_pods(overlay)[name]
    (volume,) = (volume["secret"] for volume in pod["spec"]["volumes"] if "secret" in volume)
    mounted = {item["path"] for item in volume["items"]}

    assert {item["key"] for item in volume["items"]} <= make_secrets(tmp_path).keys()
    for container in list_containers(pod):
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert f"{mounts['secrets']}/" == SECRETS
        read = str([container.get("command"), read_environment(overlay, container)])
        assert set(re.findall(rf"{SECRETS}(\w+)", read)) == mounted


@every_pod
def test_no_password_is_in_a_manifest(overlay: str, name: str) -> None:
    for container in list_containers(list_pods(overlay)[name]):
        environment = read_environment(overlay, container)
        assert not any("://" in value for value in environment.values())
        assert all(key.endswith("_FILE") for key in environment if "PASSWORD" in key or "_URL" in key)
    assert not find_kind(overlay, "Secret")


@every_pod_of_ours
def test_the_folders_that_the_service_writes_can_be_written(overlay: str, name: str, tmp_path: Path) -> None:
    image = (ROOT / "service" / "Dockerfile").read_text()
    data = re.search(r"KAN_DATA_DIR=(\S+)", image)
    pod = list_pods(overlay)[name]
    temporary = {volume["name"] for volume in pod["spec"]["volumes"] if "emptyDir" in volume}

    assert data
    for container in list_containers(pod):
        writable = {mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in temporary}
        assert writable == {data[1], "/tmp"}


@every_overlay
def test_probes_call_what_exists(overlay: str, tmp_path: Path) -> None:
    paths = create_app(Settings(data_dir=tmp_path)).openapi()["paths"]
    container = get_container(overlay, "kan-api")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}

    assert {kind: probe["path"] for kind, probe in probes.items()} == {
        "startup": "/health/live",
        "liveness": "/health/live",
        "readiness": "/health/ready",
    }
    for probe in probes.values():
        assert "get" in paths[probe["path"]]
        assert ports[probe["port"]] == int(read_environment(overlay, container)["KAN_PORT"])


@every_overlay
def test_probes_are_answered_whatever_hosts_are_allowed(overlay: str) -> None:
    names = Settings(host="0.0.0.0", allowed_hosts="kan.example.com").hosts
    container = get_container(overlay, "kan-api")
    for kind in ("startup", "liveness", "readiness"):
        (header,) = container[f"{kind}Probe"]["httpGet"]["httpHeaders"]
        assert header["name"] == "Host"
        assert header["value"] in names


@every_overlay
def test_a_worker_is_asked_as_in_compose(overlay: str) -> None:
    container = get_container(overlay, "kan-worker")
    asked = read_compose()["worker"]["healthcheck"]["test"][1:]
    for kind in ("startup", "readiness", "liveness"):
        assert container[f"{kind}Probe"]["exec"]["command"] == asked
    assert find_spec(asked[2])


@every_overlay
@pytest.mark.parametrize("name", ["kan-api", "kan-worker"])
def test_a_pod_has_time_to_stop(overlay: str, name: str, tmp_path: Path) -> None:
    settings = read_settings(overlay, get_container(overlay, name), tmp_path)
    grace_s = list_pods(overlay)[name]["spec"]["terminationGracePeriodSeconds"]
    assert grace_s >= settings.shutdown_delay_s + settings.drain_s + 5


@every_overlay
@pytest.mark.parametrize("name", ["kan-api", "kan-worker"])
def test_nothing_starts_before_the_database_is_migrated(overlay: str, name: str) -> None:
    first = list_pods(overlay)[name]["spec"]["initContainers"]
    (migrate,) = list_containers(list_pods(overlay)["kan-migrate"])
    assert [container["command"] for container in first] == [[*migrate["command"], "--wait"]]


@every_overlay
def test_a_finished_migration_makes_room_for_the_next(overlay: str) -> None:
    assert find_kind(overlay, "Job")["kan-migrate"]["spec"]["ttlSecondsAfterFinished"] <= 600


@every_overlay
def test_a_worker_has_cores_and_memory_for_all_its_slots(overlay: str, tmp_path: Path) -> None:
    container = get_container(overlay, "kan-worker")
    settings, resources = read_settings(overlay, container, tmp_path), container["resources"]

    assert int(resources["requests"]["cpu"]) == settings.worker_slots * settings.worker_threads
    assert read_bytes(resources["requests"]["memory"]) > settings.worker_slots * settings.max_memory_bytes


def test_workers_are_as_many_as_the_jobs_need(tmp_path: Path) -> None:
    (scaled,) = find_kind("example", "ScaledObject").values()
    worker = find_kind("example", "Deployment")[scaled["spec"]["scaleTargetRef"]["name"]]
    slots = read_settings("example", worker["spec"]["template"]["spec"]["containers"][0], tmp_path)
    (trigger,) = scaled["spec"]["triggers"]

    assert int(trigger["metadata"]["threshold"]) == slots.worker_slots
    assert scaled["spec"]["minReplicaCount"] >= 1  # else /health/ready is 503 while no job waits
    assert "replicas" not in worker["spec"]


def test_the_query_for_workers_names_what_the_metrics_have(sqlite_url: str) -> None:
    (scaled,) = find_kind("example", "ScaledObject").values()
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    sessions = make_sessions(make_engine(Settings(database_url=sqlite_url)))
    families = {family.name: family for family in JobMetricsCollector(sessions).collect()}
    named = re.search(r"max by \((.+)\) \((\w+)\{(.+)\}\)", query)

    assert named
    assert set(named[1].split(", ")) == {*families[named[2]]._labelnames}
    assert named[3] == f'namespace="{scaled["metadata"]["namespace"]}", kind!="{SUBTASK_KIND}"'


def test_prometheus_reads_the_metrics_of_every_api(tmp_path: Path) -> None:
    (monitor,) = find_kind("example", "PodMonitor").values()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    container = get_container("example", "kan-api")

    assert endpoint["path"] in create_app(Settings(data_dir=tmp_path)).openapi()["paths"]
    assert endpoint["port"] in {port["name"] for port in container["ports"]}
    assert selects(monitor["spec"]["selector"], list_pods("example")["kan-api"])


@every_overlay
def test_every_selector_finds_its_pods(overlay: str) -> None:
    pods = list_pods(overlay)
    makers = find_kind(overlay, "Deployment", "StatefulSet")
    assert all(selects(maker["spec"]["selector"], pods[name]) for name, maker in makers.items())
    for name, service in find_kind(overlay, "Service").items():
        assert [pod for pod in pods if selects({"matchLabels": service["spec"]["selector"]}, pods[pod])] == [
            name
        ]
    for name, budget in find_kind(overlay, "PodDisruptionBudget").items():
        assert [pod for pod in pods if selects(budget["spec"]["selector"], pods[pod])] == [name]


@every_overlay
def test_only_the_api_is_open_and_only_to_chosen_namespaces(overlay: str) -> None:
    policies = find_kind(overlay, "NetworkPolicy")
    everything = policies["deny-all"]["spec"]
    doors = [
        source
        for policy in policies.values()
        for rule in policy["spec"].get("ingress", [])
        for source in rule["from"]
        if "namespaceSelector" in source
    ]

    assert everything == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert doors == [{"namespaceSelector": {"matchLabels": {"kan-access": "true"}}}]
    assert [
        name for name, pod in list_pods(overlay).items() if is_selected(policies["kan-ingress"], pod)
    ] == ["kan-api"]


@every_pod_of_ours
def test_our_pods_reach_their_servers(overlay: str, name: str) -> None:
    policy = find_kind(overlay, "NetworkPolicy")["kan-egress"]
    ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    assert is_selected(policy, list_pods(overlay)[name])
    assert ports == {53, 5432, 6379}


def get_container(overlay: str, name: str) -> Manifest:
    container: Manifest = list_pods(overlay)[name]["spec"]["containers"][0]
    return container


def read_settings(overlay: str, container: Manifest, folder: Path) -> Settings:
    """The settings of a container whose secrets are those of `make secrets`."""
    if not (folder / "secrets").exists():
        make_secrets(folder)
    environment = read_environment(overlay, container)
    return load_settings(
        {name: value.replace(SECRETS, f"{folder / 'secrets'}/") for name, value in environment.items()}
    )


def selects(selector: Manifest, pod: Manifest) -> bool:
    return selector["matchLabels"].items() <= pod["metadata"]["labels"].items()


def is_selected(policy: Manifest, pod: Manifest) -> bool:
    return selects(policy["spec"]["podSelector"], pod)
