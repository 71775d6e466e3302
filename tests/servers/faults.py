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
    """The call is not performed. The answer is this status."""

    code: str


@dataclass(frozen=True)
class Lost:
    """The call is performed. Its answer is lost, and the client gets this status instead."""

    code: str


@dataclass(frozen=True)
class Silent:
    """The call is performed, and there is never an answer. The caller's own deadline must end the call."""


Fault = Refused | Lost | Silent


class GrpcProxy(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Proxy that forwards calls to a gRPC server unless the plan makes them fail. `calls` lists all calls in order."""

    def __init__(self, target: str) -> None:
        #: Function of a method's name and the number of its earlier calls. It returns the fault of the call or None.
        self.plan: Callable[[str, int], Fault | None] = lambda method, number: None
        #: Function that can change a request before it is forwarded.
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
        """Use a new plan. The counts start at 0 again."""
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
    """Proxy for the connections between clients and a server on loopback. It can cut connections and lose answers."""

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
        #: Number of round trips: of changes from messages of the server to messages of the client.
        self.trips = 0
        #: Number of further bytes after which the connection breaks. Later connections work.
        self.break_after: int | None = None
        #: True if all connections break at that point, and new connections are refused.
        self.closes_then = False
        #: True to refuse new connections.
        self.closed = False
        #: True to accept connections and lose each message on any connection, as in a network without a route.
        self.silent = False

    def __enter__(self) -> TcpProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break all existing connections. Accept new connections."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _close(pair)

    def lose_answer_to(self, word: bytes) -> None:
        """Pass the next client message with `word` to the server. Then break the connection, so the answer is lost."""
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
        losing = asking = False
        try:
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data or (losing and ready is server):
                        self.losses += losing
                        return
                    if self.silent:
                        continue
                    self.trips += ready is client and not asking
                    asking = ready is client
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
