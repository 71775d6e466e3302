"""Compare file transfers: uploads and a fetch with kubeque against fsspec's plain `put` and `get`.

    python -m benchmarks.staging                         10,000 small files and 2 GB (a quarter of an hour)
    python -m benchmarks.staging --quick                 500 files and 100 MB
    python -m benchmarks.staging --size 2000 --files 0   one file of 2,000 MB, and nothing else

The stores are Google Cloud Storage and S3, emulated on this machine (fake-gcs-server and moto), over plain HTTP.
kubeque does more than `put` and `get`: it computes and checks digests, asks which files exist already, starts a
consumer, and writes the table. A proxy in front of the store counts the requests that create an object. moto is slow,
so it gets only a twentieth of the small files and a quarter of the large file.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # this file's folder has a module `queue`, which would hide the one of the standard library

import fsspec  # noqa: E402
from gcsfs.core import GCSFileSystem  # noqa: E402

from kubeque.client import Client  # noqa: E402
from kubeque.model.config.config import Config  # noqa: E402
from kubeque.model.rows.grid import sequence  # noqa: E402
from kubeque.model.rows.parameters import from_records  # noqa: E402
from kubeque.model.sweep.sweep import Sweep  # noqa: E402
from tests.servers.faults import TcpProxy  # noqa: E402
from tests.servers.objects import BUCKET, GcsServer, S3Server  # noqa: E402
from tests.servers.process import free_port  # noqa: E402

MB = 1_000_000
#: Size of a small file in bytes.
SMALL = 1_000
#: Number of tasks in the count of requests.
TASKS = 200
#: Divisors of the number of small files and of the size of the large file, by store.
LESS = {"gs": (1, 1), "s3": (20, 4)}


@dataclass(frozen=True, slots=True)
class Bench:
    """A store and a working folder."""

    scheme: str
    folder: Path
    line: TcpProxy
    client: Client
    #: fsspec's file system of the store.
    plain: fsspec.AbstractFileSystem

    def made(self) -> int:
        """Return the number of requests so far that create an object or a part of an object."""
        return sum(request.startswith((b"PUT ", b"POST /upload/")) for request in self.line.requests)


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="500 files, 100 MB")
    parser.add_argument("--only", choices=sorted(LESS), help="one store")
    parser.add_argument("--size", type=int, metavar="MB", help="size of the large file")
    parser.add_argument("--files", type=int, metavar="N", help="number of small files; 0: none, also no tasks and rows")
    given = parser.parse_args()
    files, size = (500, 100) if given.quick else (10_000, 2_000)
    files = files if given.files is None else given.files
    for scheme, (fewer, less) in LESS.items():
        if given.only in (None, scheme):
            large = max(1, (given.size or size) // less)
            with opened(scheme) as bench:
                both_ways(bench, f"a file of {large:,} MB", 1, large * MB)
            if files:
                small_ones(scheme, max(1, files // fewer), 10_000 if given.quick else 100_000)


def small_ones(scheme: str, files: int, most_rows: int) -> None:
    """Measure many files, then tasks and rows."""
    with opened(scheme, on_disk=True) as bench:
        both_ways(bench, f"{files:,} files of {SMALL:,} bytes", files, SMALL)
        count_requests(bench)
        for rows in (1_000, 10_000, 100_000):
            if rows <= most_rows:
                submit(bench, rows)


@contextmanager
def opened(scheme: str, *, on_disk: bool = False) -> Iterator[Bench]:
    """Start a store, and yield it with a client of kubeque that keeps its files there.

    `on_disk`: True to store objects on disk. In memory, fake-gcs-server searches all objects for each request. So with
    many files the second of two uploads would be slower.
    """
    for known in (GCSFileSystem, fsspec.get_filesystem_class("s3")):
        known.clear_instance_cache()  # cached instances use the previous store
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="kubeque-bench-") as folder, TcpProxy(port) as line:
        server = GcsServer(port, public_port=line.port, on_disk=on_disk) if scheme == "gs" else S3Server(port)
        server.start()
        url = f"http://127.0.0.1:{line.port}"
        os.environ |= {"STORAGE_EMULATOR_HOST": url} if scheme == "gs" else {
            "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "password",
            "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip
        os.environ["KUBEQUE_HOME"] = f"{folder}/home"
        keys = {"default_url_prefix": f"{scheme}://{BUCKET}/results", "cas_url_prefix": f"{scheme}://{BUCKET}/cas"}
        client = Client(Config.from_values(keys, where="the benchmark", folder=Path(folder)))
        # fsspec would choose a different class for gs://. It is many times slower with a server that has only HTTP.
        plain = GCSFileSystem(token="anon") if scheme == "gs" else fsspec.filesystem(scheme)
        try:
            yield Bench(scheme, Path(folder), line, client, plain)
        finally:
            client.stop()
            client.close()
            server.stop()


def both_ways(bench: Bench, what: str, count: int, size: int) -> None:
    """Upload and download files in two ways: with a job, and with `put` and `get`. The job has one task that copies."""
    source, back = bench.folder / f"data-{count}", bench.folder / f"back-{count}"
    source.mkdir()
    for number in range(count):
        (source / f"{number}.bin").write_bytes(os.urandom(min(size, MB)) * max(1, size // MB))
    there = f"{BUCKET}/plain-{count}"
    sweep = Sweep(["cp", "-r", "data", "out"], name=f"files-{count}", push=[f"{source}:data"])
    put = seconds(lambda: bench.plain.put(f"{source}/", f"{there}/", recursive=True))
    sent = seconds(lambda: bench.client.submit(sweep))
    ended = bench.client.wait(f"files-{count}")
    if ended.counts.ok != 1:
        sys.exit(f"{bench.scheme}: the task failed: {bench.client.task(f'files-{count}', 0)}")
    got = seconds(lambda: bench.plain.get(f"{there}/", f"{back}-plain/", recursive=True))
    fetched = seconds(lambda: bench.client.fetch(f"files-{count}", back))
    for name, ours, theirs in (("up", sent, put), ("back", fetched, got)):
        rate = f"{count / ours:.0f} files/s" if count > 1 else f"{size / MB / ours:.0f} MB/s"
        shown = f"kubeque {ours:.1f} s ({rate}), fsspec {theirs:.1f} s, ratio {ours / theirs:.2f}"
        print(f"{bench.scheme}: {what}, {name}: {shown}", flush=True)


def count_requests(bench: Bench) -> None:
    """Count the requests per task that create an object. The tasks are short and have no files.

    The requests of the job itself are subtracted.
    """

    def run(rows: int) -> int:
        before = bench.made()
        bench.client.submit(Sweep(["true"], rows=sequence(rows), name=f"count-{rows}"))
        bench.client.wait(f"count-{rows}")
        return bench.made() - before

    alone = run(1)
    each = (run(TASKS + 1) - alone) / TASKS
    print(f"{bench.scheme}: objects made for a task: {each:.2f}; for a job: {alone - 1}", flush=True)


def submit(bench: Bench, rows: int) -> None:
    """Measure the submission of `rows` rows from a list. No row runs."""
    table = from_records([{"n": str(number), "text": f"row {number}"} for number in range(rows)])
    before = bench.made()
    took = seconds(lambda: bench.client.submit(Sweep(["true", "{n}"], rows=table, name=f"submit-{rows}")))
    made = bench.made() - before
    bench.client.kill(f"submit-{rows}")
    bench.client.wait(f"submit-{rows}")
    print(f"{bench.scheme}: {rows:,} rows submitted in {took:.2f} s with {made} objects", flush=True)


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds of a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
