"""The Kubernetes cluster of a run. KUBECONFIG names it, or a program beside the checkout starts it."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

#: Time limits for the start and the end of the cluster, seconds. The start can install packages.
_START_SECONDS, _END_SECONDS = 600, 120


class NoCluster(Exception):
    """This machine has no Kubernetes cluster. The message says what to set or what failed."""


class Cluster:
    """One Kubernetes cluster for all steps that need it. It starts before the first such step."""

    def __init__(self, program: Path) -> None:
        """`program`: path of a program that starts a cluster with `up`, ends it with `down` and loads an image with
        `load`. The program needs root."""
        self._program = program.resolve()
        self._environ: dict[str, str] | None = None
        #: Folder of a marker file. The file exists once this cluster has the images of the tests.
        self._marks: tempfile.TemporaryDirectory[str] | None = None

    def environ(self) -> Mapping[str, str]:
        """Return the environment variables with which tests find the cluster. Start the cluster if necessary.

        Raises NoCluster.
        """
        if os.environ.get("KUBECONFIG") and os.environ.get("KUBEQUE_E2E_LOAD"):
            return {}
        if self._environ is None:
            if not os.access(self._program, os.X_OK) or os.geteuid() != 0:
                raise NoCluster("there is no Kubernetes here: set KUBECONFIG and KUBEQUE_E2E_LOAD")
            self._environ = {}  # `end` must be tried even if the start fails half way
            self._environ = self._start()
        return self._environ

    def end(self) -> None:
        """End the cluster if this run started it. The next step that needs a cluster starts it again."""
        if self._environ is not None:
            self._environ = None
            if self._marks is not None:
                self._marks.cleanup()
            try:
                subprocess.run([self._program, "down"], check=False, timeout=_END_SECONDS)
            except subprocess.TimeoutExpired:  # the run must still print its report
                print(f"== the cluster did not end within {_END_SECONDS} s: {self._program} down", flush=True)

    def _start(self) -> dict[str, str]:
        print("== starting the cluster", flush=True)
        said = self._ask("up")
        if said.startswith("already up"):  # an earlier run was killed: its objects must not affect this one
            self._ask("down")
            said = self._ask("up")
        kubeconfig = re.search(r"^export KUBECONFIG=(.+)$", said, re.MULTILINE)
        api_server = re.search(r"^kube-apiserver +(\d+)$", self._ask("status"), re.MULTILINE)
        if kubeconfig is None or api_server is None:
            raise NoCluster(f"{self._program} up: printed no KUBECONFIG, or its API server does not run")
        self._marks = tempfile.TemporaryDirectory(prefix="kubeque-ci-")
        kueue = self._program.with_name("kueue")
        return {
            "KUBECONFIG": kubeconfig[1],
            "KUBEQUE_E2E_API_PID": api_server[1],
            "KUBEQUE_E2E_LOAD": f"{self._program} load",
            "KUBEQUE_E2E_LOADED": f"{self._marks.name}/loaded",
            "KUBEQUE_E2E_NODE": str(self._program),
            **({"KUBEQUE_E2E_KUEUE": str(kueue)} if os.access(kueue, os.X_OK) else {}),
        }

    def _ask(self, verb: str) -> str:
        try:
            done = subprocess.run(
                [self._program, verb], check=False, timeout=_START_SECONDS, text=True, stdout=subprocess.PIPE
            )
        except subprocess.TimeoutExpired as error:
            raise NoCluster(f"{self._program} {verb}: no answer within {_START_SECONDS} s") from error
        if done.returncode != 0:
            raise NoCluster(f"{self._program} {verb}: exit code {done.returncode}")
        return done.stdout
