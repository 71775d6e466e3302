"""Choose the environment of consumers on one machine: the variables that Python, queue and store need."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping

from kubeque.clusters.in_pod import QUEUE_VARIABLE

#: Variables that each consumer gets: for Python, the user, folders, proxies and certificates, and those of kubeque.
_ALWAYS = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|LD_LIBRARY_PATH|PYTHON(PATH|HOME|USERBASE)|KUBEQUE_.*"
    r"|(?i:https?|all|no|ftp)_(?i:proxy)"
    r"|SSL_CERT_(FILE|DIR)|(REQUESTS|CURL)_CA_BUNDLE|GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    re.DOTALL,
)
#: Consumers use UTF-8 regardless of the locale of the process that starts them, because stored environments are UTF-8.
_UTF8 = {"PYTHONUTF8": "1"}
_GOOGLE = r"GOOGLE_.*|GCLOUD_.*|GCE_.*|CLOUDSDK_.*|DATASTORE_.*|GCSFS_.*|STORAGE_EMULATOR_HOST|NO_GCE_CHECK|FSSPEC_.*"
_AMAZON = r"AWS_.*|BOTO.*|S3_.*|FSSPEC_.*"
#: Patterns of the variables that contain a login, by the scheme of the URL that needs the login.
_LOGINS = {
    "postgresql": "PG[A-Z]+", "postgres": "PG[A-Z]+",
    "datastore": _GOOGLE, "gs": _GOOGLE, "gcs": _GOOGLE,
    "s3": _AMAZON, "s3a": _AMAZON,
}  # fmt: skip
_OTHER_LOGINS = r"AZURE_.*|HF_TOKEN|FSSPEC_.*"
#: Schemes of URLs that need no login.
_HERE = ("", "sqlite", "memory", "file", "local", "http", "https")
#: Variable with the folder of login files such as ~/.aws, ~/.pgpass and ~/.config/gcloud.
_LOGIN_FOLDER = "HOME"


def consumer_environment(environ: Mapping[str, str], urls: Iterable[str]) -> dict[str, str]:
    """Return the environment for a consumer that uses the queue and stores at `urls`.

    `environ`: environment of the process that starts the consumer. The result does not contain the URL of the queue,
    because the programs of tasks can read the environment of their parent.
    """
    always = {name: value for name, value in environ.items() if _ALWAYS.fullmatch(name) and name != QUEUE_VARIABLE}
    return always | _login_variables(environ, urls) | _UTF8


def login_digest(environ: Mapping[str, str], queue_url: str, urls: Iterable[str], key: Callable[[], bytes]) -> str:
    """Return a hex digest of the login for a queue and stores; empty if they need no login.

    `queue_url`: empty for the queue of the home folder. `key`: function that returns secret random bytes. Without them,
    passwords could be guessed from the digest.
    """
    urls = [queue_url, *urls]
    variables = _login_variables(environ, urls)
    if not queue_url and not variables:
        return ""
    text = json.dumps([queue_url, sorted(variables.items())])
    return hmac.new(key(), text.encode(), hashlib.sha256).hexdigest()[:8]


def _login_variables(environ: Mapping[str, str], urls: Iterable[str]) -> dict[str, str]:
    schemes = {url.partition(":")[0].lower() if "://" in url else "" for url in urls}.difference(_HERE)
    if not schemes:
        return {}
    names = re.compile("|".join({_LOGINS.get(scheme, _OTHER_LOGINS) for scheme in schemes}), re.DOTALL)
    return {name: value for name, value in environ.items() if names.fullmatch(name) or name == _LOGIN_FOLDER}
