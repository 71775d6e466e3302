"""The `.kubeque` file: its place, its keys, and the messages for wrong ones."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from kubeque.model.config import config as config_module
from kubeque.model.config.config import Config
from kubeque.model.config.config_file import KEYS, hide_password
from kubeque.model.errors import ConfigError

DOCUMENT = Path(__file__).parents[3] / "docs" / "config.md"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def load(here: Path, home: Path, text: str | None = None, **environ: str) -> Config:
    if text is not None:
        (here / ".kubeque").write_text(text)
    return Config.load(here, home, environ)


def refusal(here: Path, home: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(here, home, text)
    return str(caught.value)


def test_without_a_file_it_is_the_embedded_default(here: Path, home: Path) -> None:
    config = load(here, home)

    data = f"{home}/.local/share/kubeque"
    assert config.queue_url == f"sqlite:///{data}/queue.db"
    assert config.default_url_prefix == f"{data}/results"
    assert config.cas_url_prefix == f"{data}/cas"
    assert config.cluster_url == "local"
    assert config.home == Path(data)
    assert config.source is None


def test_the_environment_moves_the_data(here: Path, home: Path) -> None:
    assert load(here, home, KUBEQUE_HOME="/data/k").queue_url == "sqlite:////data/k/queue.db"
    assert load(here, home, KUBEQUE_HOME="~/k").home == home / "k"
    assert load(here, home, KUBEQUE_HOME="k").home == here / "k"
    assert load(here, home, KUBEQUE_HOME="").home == home / ".local/share/kubeque"


def test_odd_letters_of_a_folder_are_escaped_in_the_queue_url_only(here: Path, home: Path) -> None:
    config = load(here, home, KUBEQUE_HOME="/data/a b%20?#c")

    assert config.queue_url == "sqlite:////data/a%20b%2520%3F%23c/queue.db"
    assert config.default_url_prefix == "/data/a b%20?#c/results"


def test_the_file_of_the_current_folder_comes_before_that_of_the_home(here: Path, home: Path) -> None:
    (home / ".kubeque").write_text("[config]\nproject = at-home\nlocation = here-too\n")
    assert load(here, home).project == "at-home"

    config = load(here, home, "[config]\nproject = nearby\n")

    assert (config.project, config.location, config.source) == ("nearby", "", here / ".kubeque")


def test_a_folder_of_that_name_is_no_file(here: Path, home: Path) -> None:
    (here / ".kubeque").mkdir()
    (home / ".kubeque").write_text("project = at-home\n")

    assert load(here, home).project == "at-home"


def test_an_explicit_file_comes_before_all(here: Path, home: Path) -> None:
    (here / ".kubeque").write_text("project = nearby\n")
    (here / "other.ini").write_text("project = other\n")

    assert Config.load(here, home, {}, Path("other.ini")).project == "other"


def test_an_explicit_file_that_is_missing_is_an_error(here: Path, home: Path) -> None:
    with pytest.raises(ConfigError, match=r"other\.ini cannot be read \(No such file or directory\)"):
        Config.load(here, home, {}, Path("other.ini"))


@pytest.mark.parametrize("header", ["[config]\n", "", "\ufeff[config]\n", "# ours\n\n[config]\n", "; ours\n"])
def test_the_section_header_may_be_left_out(here: Path, home: Path, header: str) -> None:
    assert load(here, home, header + "project = p\ncluster_name: c\n").project == "p"


def test_the_keys_of_the_first_kubeque_are_read(here: Path, home: Path) -> None:
    text = """
[config]
cas_url_prefix = gs://bucket/cas/
default_url_prefix = gs://bucket/results
project = my-project
cluster_name = sweeps
machine_type = n2-highmem-4
default_image = us.gcr.io/my-project/sample:3
default_resource_cpu = 500m
default_resource_memory = 1.5Gi
"""
    config = load(here, home, text)

    assert (config.cas_url_prefix, config.default_url_prefix) == ("gs://bucket/cas", "gs://bucket/results")
    assert (config.machine_type, config.default_image) == ("n2-highmem-4", "us.gcr.io/my-project/sample:3")
    assert (config.default_resource_cpu, config.default_resource_memory) == (0.5, 3 << 29)
    assert config.queue_url == "datastore://my-project"
    assert config.cluster_url == "gke://my-project/-/sweeps"


def test_the_other_keys_are_read(here: Path, home: Path) -> None:
    text = """
queue_url = postgresql://me@db/sweeps
cluster_url = kubernetes://minikube
location = europe-west1-b
namespace = team-a
service_account = sweeper
default_resource_disk = 10Gi
node_disk_size = 100Gi
local_ssd_count = 2
consumers = 40
project = p
cluster_name = c
"""
    config = load(here, home, text)

    assert (config.queue_url, config.cluster_url) == ("postgresql://me@db/sweeps", "kubernetes://minikube")
    assert (config.location, config.namespace, config.service_account) == ("europe-west1-b", "team-a", "sweeper")
    assert (config.default_resource_disk, config.node_disk_size) == (10 << 30, 100 << 30)
    assert (config.local_ssd_count, config.consumers) == (2, 40)


def test_the_location_stands_in_the_cluster_url(here: Path, home: Path) -> None:
    config = load(here, home, "project = p\ncluster_name = c\nlocation = us-east1\n")

    assert config.cluster_url == "gke://p/us-east1/c"


def test_a_project_alone_changes_no_default(here: Path, home: Path) -> None:
    config = load(here, home, "project = p\n")

    assert config.cluster_url == "local"
    assert config.queue_url.startswith("sqlite:///")


def test_inputs_are_kept_beside_results_unless_told_otherwise(here: Path, home: Path) -> None:
    assert load(here, home, "default_url_prefix = s3://b/results\n").cas_url_prefix == "s3://b/results/.cas"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("results", "{here}/results"),
        ("./results/", "{here}/results"),
        ("../results", "{here}/../results"),
        ("~/results", "{home}/results"),
        ("~", "{home}"),
        ("/data/results", "/data/results"),
        ("file:///data/results", "/data/results"),
        ("memory://", "memory://"),
        ("gs://bucket", "gs://bucket"),
        ("/data/50% # off", "/data/50% # off"),
    ],
)
def test_paths_begin_at_the_folder_of_the_file(here: Path, home: Path, written: str, meant: str) -> None:
    config = load(here, home, f"default_url_prefix = {written}\n")

    assert config.default_url_prefix == meant.format(here=here, home=home).replace("here/../", "")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sqlite:///queue.db", "sqlite:///{here}/queue.db"),
        ("sqlite:////data/queue.db", "sqlite:////data/queue.db"),
        ("sqlite:///~/q.db", "sqlite:///{home}/q.db"),
        ("sqlite:///a b%20c.db", "sqlite:///{here}/a%20b%20c.db"),
        ("memory:", "memory:"),
    ],
)
def test_the_file_of_a_queue_begins_at_the_folder_of_the_file(here: Path, home: Path, written: str, meant: str) -> None:
    assert load(here, home, f"queue_url = {written}\n").queue_url == meant.format(here=here, home=home)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_without_a_value_counts_as_not_given(here: Path, home: Path, key: str) -> None:
    default = getattr(load(here, home), key)

    assert getattr(load(here, home, f"{key} =\n"), key) == default


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("queue-url = x\n", "unknown key 'queue-url': did you mean 'queue_url'?"),
        ("[config]\ndefault_memory = 1Gi\n", "unknown key 'default_memory': did you mean 'default_resource_memory'?"),
        ("zzz = 1\n", "unknown key 'zzz': the keys are queue_url, default_url_prefix"),
        ("[DEFAULT]\nproject = p\n", "unknown section [DEFAULT]: all keys belong to [config]"),
        ("[config]\nproject = p\n[gke]\nlocation = x\n", "unknown section [gke]"),
        ("project = a\nproject = b\n", "line 2: the key 'project' occurs twice"),
        ("[config]\nproject = a\n[config]\nlocation = b\n", "line 3: the section [config] occurs twice"),
        ("# ours\nproject\n", "line 2 is not `key = value`"),
        ("[config]\nproject = p\nwhat is this\n", "line 3 is not `key = value`"),
        ("[config\nproject = p\n", "line 1 is not a section: write [config]"),
        ("default_resource_cpu = many\n", "default_resource_cpu 'many' is not a number of cores"),
        ("default_resource_memory = 4 gigs\n", "default_resource_memory '4 gigs' is not a quantity"),
        ("default_resource_disk = 10\n", "default_resource_disk '10' means 10 bytes"),
        ("node_disk_size = 100g\n", "node_disk_size '100g' is not a quantity"),
        ("local_ssd_count = -1\n", "local_ssd_count '-1': write a whole number of at least 0"),
        ("consumers = 0\n", "consumers '0': write a whole number of at least 1"),
        ("consumers = ten\n", "consumers 'ten': write a whole number of at least 1"),
        ("namespace = Team A\n", "namespace 'Team A': write a Kubernetes name"),
        ("project = a/b\n", "project 'a/b': write a name without blanks and slashes"),
        ("default_image = a b\n", "default_image 'a b': write a value without blanks"),
        ("queue_url = queue.db\n", "queue_url 'queue.db': write a URL: sqlite:///FILE"),
        ("queue_url = sqlite://queue.db\n", "write three slashes and a file"),
        ("cluster_url = minikube\n", "cluster_url 'minikube': write local, or a URL"),
        ("default_url_prefix = a\n  b\n", "default_url_prefix 'a\\nb': write a value in one line"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(here: Path, home: Path, text: str, told: str) -> None:
    message = refusal(here, home, text)

    assert message.startswith(str(here / ".kubeque"))
    assert told in message


def test_a_file_that_is_no_text_is_told(here: Path, home: Path) -> None:
    (here / ".kubeque").write_bytes(b"project = caf\xe9\n")

    with pytest.raises(ConfigError, match=r"not UTF-8 \(byte 13\)"):
        load(here, home)


def test_a_wrong_url_is_told_without_its_password(here: Path, home: Path) -> None:
    message = refusal(here, home, "cluster_url = postgresql://me:pa ss@db/x\n")

    assert "pa ss" not in message
    assert "postgresql://me:***@db/x" in message


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@db:5432/x", "postgresql://me:***@db:5432/x"),
        ("postgresql://:secret@db/x", "postgresql://:***@db/x"),
        ("postgresql://me:p@ss:/w@rd@db/x", "postgresql://me:***@db/x"),
        ("postgresql:/me:secret@db/x", "postgresql:/me:***@db/x"),
        ("postgresql:me:secret@db/x", "postgresql:me:***@db/x"),
        ("postgresql:///me:secret@db/x", "postgresql:///me:***@db/x"),
        ("sqlite:////home/a:b@c/queue.db", "sqlite:////home/a:b@c/queue.db"),
        ("registry:5000/image@sha256:ab", "registry:5000/image@sha256:ab"),
        ("postgresql://db/x?user=me&password=secret&a=b", "postgresql://db/x?user=me&password=***&a=b"),
        ("s3://bucket/x?aws_Secret_access=secret", "s3://bucket/x?aws_Secret_access=***"),
        ("postgresql://me@db/x", "postgresql://me@db/x"),
        ("gs://bucket/results", "gs://bucket/results"),
    ],
)
def test_passwords_in_urls_are_hidden(url: str, shown: str) -> None:
    assert hide_password(url) == shown


def test_nothing_that_is_shown_has_the_password(here: Path, home: Path) -> None:
    config = load(here, home, "queue_url = postgresql://me:hunter2@db/x\n")

    assert "hunter2" in config.queue_url
    for shown in (config.describe(), repr(config), f"{config}", json.dumps(config.as_dict())):
        assert "hunter2" not in shown
        assert "postgresql://me:***@db/x" in shown


def test_the_description_has_what_is_set_and_where_from(here: Path, home: Path) -> None:
    lines = load(here, home, "default_resource_memory = 1.5Gi\nconsumers = 3\n").describe().splitlines()

    assert lines[0] == f"read from {here}/.kubeque"
    assert {"default_resource_memory = 1.5Gi", "consumers = 3", "cluster_url = local"} <= set(lines)
    assert not [line for line in lines if line.startswith(("project", "default_image", "node_disk_size"))]


def test_the_description_says_that_there_is_no_file(here: Path, home: Path) -> None:
    assert load(here, home).describe().startswith("no .kubeque file: the default\n")


def test_as_dict_has_every_field_as_json(here: Path, home: Path) -> None:
    values = json.loads(json.dumps(load(here, home, "node_disk_size = 1Gi\n").as_dict()))

    assert list(values) == [field.name for field in fields(Config)]
    assert (values["node_disk_size"], values["source"]) == (1 << 30, f"{here}/.kubeque")


def test_the_document_tells_of_the_keys_what_the_fields_tell(here: Path, home: Path) -> None:
    # Given the table of the document, and what the class says of its fields
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (?:`(.+)` )?\|$", DOCUMENT.read_text(), re.MULTILINE)
    source = inspect.getsource(config_module.Config)
    told = re.findall(r"^    #: (.+)\n    (\w+): ", source, re.MULTILINE)
    default = Config.from_values({}, where="a test", folder=here, home=home, environ={"KUBEQUE_HOME": "/data"})

    # Then both hold the same keys in the same order, with the same meaning and default
    meanings = {name: meaning for meaning, name in told if name not in ("home", "source")}
    assert {key: meaning for key, meaning, _ in rows} == meanings
    assert [key for key, _, _ in rows] == list(meanings) == list(KEYS)
    defaults = {key: "" if getattr(default, key) is None else str(getattr(default, key)) for key in KEYS}
    written = {key: text.replace("$KUBEQUE_HOME", "/data") for key, _, text in rows}
    assert written == defaults


def test_the_example_of_the_document_is_a_good_file(here: Path, home: Path) -> None:
    example = re.search(r"```ini\n(.+?)```", DOCUMENT.read_text(), re.DOTALL)
    assert example

    assert load(here, home, example[1]).cluster_url == "gke://my-project/europe-west1/sweeps"


def test_project_and_cluster_are_enough_for_gke(here: Path, home: Path) -> None:
    config = load(here, home, "project = my-project\ncluster_name = sweeps\n")

    assert config.queue_url == "datastore://my-project"
    assert config.default_url_prefix == "gs://my-project-kubeque/results"
    assert config.cas_url_prefix == "gs://my-project-kubeque/results/.cas"
    assert config.service_account == "kubeque"


def test_consumers_elsewhere_than_on_gke_keep_their_account(here: Path, home: Path) -> None:
    text = "project = my-project\ncluster_name = sweeps\ncluster_url = kubernetes://mine/team\n"
    config = load(here, home, text)

    assert (config.cluster_url, config.service_account) == ("kubernetes://mine/team", "")


def test_a_user_without_a_home_folder_needs_kubeque_home_only(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    assert Config.load(start=here, environ={"KUBEQUE_HOME": "/data/kubeque"}).home == Path("/data/kubeque")
    with pytest.raises(ConfigError, match="set HOME or KUBEQUE_HOME"):
        Config.load(start=here, environ={})
