"""Proxies between a client and a server that inject faults: lost answers, refusals, broken connections.

with GrpcProxy(emulator.host) as proxy:
    proxy.plan = lambda method, number: Lost("UNAVAILABLE") if (method, number) == ("Commit", 0) else None

with TcpProxy(server.port) as proxy:
    proxy.lose_answer_to(b"COMMIT")
    proxy.break_after = 1_000_000
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc

_METHODS = (b"GET ", b"HEAD ", b"PUT ", b"POST ", b"DELETE ")


@dataclass(frozen=True)
class Refused:
    """The call is not performed and answered with this status."""

    code: str


@dataclass(frozen=True)
class Lost:
    """The call is performed; its answer is lost on the way and this status comes in its place."""

    code: str


@dataclass(frozen=True)
class Silent:
    """The call is performed and nothing is ever heard of it: the caller's own deadline must end it."""


Fault = Refused | Lost | Silent


class GrpcProxy(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Forward all calls to a gRPC server, except those that the plan makes fail. `calls` lists them in order."""

    def __init__(self, target: str) -> None:
        #: Told a method's name and how often it was called before.
        self.plan: Callable[[str, int], Fault | None] = lambda method, number: None
        #: May change a request on its way.
        self.alter: Callable[[str, bytes], bytes] = lambda method, request: request
        self.calls: list[str] = []
        self._lock = threading.Lock()
        self._numbers: Counter[str] = Counter()
        self._channel = grpc.insecure_channel(target, options=[("grpc.max_receive_message_length", -1)])
        self._server = grpc.server(
            ThreadPoolExecutor(32), handlers=[self], options=[("grpc.max_receive_message_length", -1)]
        )
        self.host = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._closing = threading.Event()

    def __enter__(self) -> GrpcProxy:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.stop(grace=1).wait()
        self._channel.close()

    def reset(self, plan: Callable[[str, int], Fault | None]) -> None:
        """Follow a new plan; its counts begin at 0."""
        with self._lock:
            self.plan, self.calls = plan, []
            self._numbers.clear()

    def service(self, handler_call_details: Any) -> Any:
        path = handler_call_details.method
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._pass(path, request, context))

    def _pass(self, path: str, request: bytes, context: Any) -> bytes:
        method = path.rpartition("/")[2]
        with self._lock:
            fault = self.plan(method, self._numbers[method])
            self._numbers[method] += 1
            self.calls.append(method)
        if isinstance(fault, Refused):
            context.abort(grpc.StatusCode[fault.code], "refused by plan")
        try:
            answer: bytes = self._channel.unary_unary(path)(self.alter(method, request), timeout=60)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())
        if isinstance(fault, Lost):
            context.abort(grpc.StatusCode[fault.code], "lost by plan")
        while isinstance(fault, Silent) and context.is_active() and not self._closing.is_set():
            time.sleep(0.02)
        return answer


class TcpProxy:
    """Passes bytes between clients and a server on loopback until told to cut or to lose an answer."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._word = b""
        self.losses = 0
        #: How each request of an HTTP client begins (it waits for one answer before it asks the next on a line).
        self.requests: list[bytes] = []
        #: Number of further bytes after which the connection breaks; later connections hold.
        self.break_after: int | None = None
        #: True if then all connections break and new ones are refused.
        self.closes_then = False
        #: True if new connections are refused.
        self.closed = False

    def __enter__(self) -> TcpProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break all connections that there are; new ones are let in."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _close(pair)

    def lose_answer_to(self, word: bytes) -> None:
        """The next message of a client that holds `word` reaches the server; what it answers is lost with the line."""
        self._word = word

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.closed:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._pairs.append((client, server))
            threading.Thread(target=self._pump, args=(client, server), daemon=True).start()

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        losing = False
        try:
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data or (losing and ready is server):
                        self.losses += losing
                        return
                    if ready is client and self._word and self._word in data:
                        losing, self._word = True, b""
                    if ready is client and data.startswith(_METHODS):
                        self.requests.append(data[:200].split(b"\r\n")[0])
                    if self._breaks(len(data)):
                        if self.closes_then:
                            self.closed = True
                            self.cut()
                        return
                    (server if ready is client else client).sendall(data)
        except (OSError, ValueError):
            return  # cut
        finally:
            _close((client, server))

    def _breaks(self, size: int) -> bool:
        with self._lock:
            if self.break_after is None:
                return False
            self.break_after -= size
            if self.break_after > 0:
                return False
            self.break_after = None
            return True


def _close(pair: tuple[socket.socket, socket.socket]) -> None:
    for end in pair:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue
    for end in pair:
        end.close()
