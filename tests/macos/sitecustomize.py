"""Make this interpreter lack what only Linux has, as on macOS. Python imports this module first if it is on its path.

`interpreter.py` hides /proc.
"""

from __future__ import annotations

import fcntl
import os
import posix
import resource
import select
import signal
import socket
import sys
import sysconfig
import time
from types import ModuleType

#: Names in each module that exist only on Linux. A name that ends in "_" means all names with this prefix.
_LINUX_ONLY = {
    os: """
        CLD_ CLONE_ EFD_ GRND_ MFD_ O_DIRECT O_LARGEFILE O_NOATIME O_PATH O_RSYNC O_TMPFILE P_ALL P_PIDFD PIDFD_
        POSIX_FADV_ RTLD_DEEPBIND SCHED_ SPLICE_ TFD_ XATTR_ copy_file_range eventfd eventfd_ fdatasync getrandom
        getresgid getresuid getxattr listxattr memfd_create pidfd_open pipe2 posix_fadvise posix_fallocate removexattr
        sched_ setns setresgid setresuid setxattr splice timerfd_ unshare waitid
    """,
    fcntl: "DN_ F_ADD_SEALS F_GETLEASE F_GETPIPE_SZ F_GET_SEALS F_NOTIFY F_OFD_ F_SEAL_ F_SETLEASE F_SETPIPE_SZ",
    resource: """
        prlimit RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_OFILE RLIMIT_RTPRIO RLIMIT_RTTIME RLIMIT_SIGPENDING RUSAGE_THREAD
    """,
    select: "EPOLL EPOLL_ epoll",
    signal: "SIGCLD SIGPOLL SIGPWR SIGRTMAX SIGRTMIN SIGSTKFLT sigtimedwait sigwaitinfo",
    socket: """
        AF_NETLINK AF_PACKET AF_VSOCK SOCK_CLOEXEC SOCK_NONBLOCK SO_BINDTODEVICE SO_DOMAIN SO_PASSCRED SO_PEERCRED
        SO_PROTOCOL TCP_KEEPIDLE TCP_USER_TIMEOUT
    """,
    time: "CLOCK_BOOTTIME CLOCK_TAI",
}


def _remove(module: ModuleType, name: str) -> None:
    for found in list(vars(module)):
        if found == name or (name.endswith("_") and found.startswith(name)):
            delattr(module, found)


for module, names in _LINUX_ONLY.items():
    for name in names.split():
        _remove(module, name)
        if module is os:
            _remove(posix, name)
sysconfig.get_config_vars()  # read once; its file has the platform in its name
sys.platform = "darwin"
# `urllib.request` asks this module of macOS for the proxies.
scproxy = ModuleType("_scproxy")
vars(scproxy).update(_get_proxy_settings=dict, _get_proxies=dict)
sys.modules["_scproxy"] = scproxy
