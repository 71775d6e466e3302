"""A Slurm of one node on this machine: munged, slurmctld and slurmd (packages slurm-wlm, munge). It needs root."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from tests.servers.process import NotHere, free_port, temporary_folder
from tests.waiting import until

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue")
_CONFIG = """\
ClusterName=trial
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmctldPort={controller}
SlurmdPort={daemon}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
KillWait=15
OverTimeLimit=0
SlurmdTimeout=30
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=500
SlurmdParameters=config_overrides
PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Slurm:
    """The daemons in a temporary folder."""

    def __init__(self) -> None:
        self._folder = temporary_folder("slurm")
        self.env = {**os.environ, "SLURM_CONF": str(self._folder / "slurm.conf")}

    def start(self) -> None:
        missing = [name for name in _PROGRAMS if shutil.which(name) is None]
        if missing or os.geteuid() != 0:
            raise NotHere(f"Slurm needs root and {', '.join(missing) or 'nothing else'}")
        self._folder.chmod(0o755)  # munged refuses a folder that others cannot read
        for name in ("state", "spool"):
            (self._folder / name).mkdir()
        host = socket.gethostname().partition(".")[0]
        config = _CONFIG.format(host=host, folder=self._folder, controller=free_port(), daemon=free_port())
        (self._folder / "slurm.conf").write_text(config)
        key = self._folder / "munge.key"
        key.write_bytes(os.urandom(64))
        key.chmod(0o600)
        files = {"socket": "munge.sock", "key-file": "munge.key", "log-file": "munged.log", "pid-file": "munged.pid",
                 "seed-file": "munged.seed"}  # fmt: skip
        self.run("munged", "--force", *(f"--{option}={self._folder / name}" for option, name in files.items()))
        self.run("slurmctld", "-f", self.env["SLURM_CONF"])
        self.run("slurmd", "-f", self.env["SLURM_CONF"])
        until("the node is idle", lambda: "idle" in self.run("sinfo", "-h", "-o", "%t"))

    def stop(self) -> None:
        for name in ("slurmd", "slurmctld", "munged"):
            pid = self._folder / f"{name}.pid"
            if pid.exists():
                subprocess.run(["kill", pid.read_text().strip()], check=False)
                until(f"{name} has ended", lambda pid=pid: not pid.exists())  # type: ignore[misc]

    def run(self, *words: str, cwd: Path | None = None) -> str:
        """Run a command of Slurm, and return its output."""
        ran = subprocess.run(words, env=self.env, cwd=cwd, text=True, capture_output=True, timeout=60, check=False)
        assert ran.returncode == 0, (words, ran.stderr)
        return ran.stdout
