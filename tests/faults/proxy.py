"""A gate before a real server: it lets requests through, loses replies, throttles, fails, resets, or is slow.

It understands as much HTTP/1.1 as it needs to count replies. A reply that is lost was sent by the server: what
was asked for has happened, and the station does not know.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

S3_SLOW_DOWN = (
    503, "application/xml",
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.'
    b"</Message><RequestId>FAULT</RequestId></Error>",
)  # fmt: skip
S3_INTERNAL = (
    500, "application/xml",
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code><Message>We encountered an internal '
    b"error. Please try again.</Message><RequestId>FAULT</RequestId></Error>",
)  # fmt: skip
DYNAMODB_THROTTLED = (
    400, "application/x-amz-json-1.0",
    b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",'
    b'"message":"The level of configured provisioned throughput for the table was exceeded."}',
)  # fmt: skip
DYNAMODB_INTERNAL = (
    500, "application/x-amz-json-1.0",
    b'{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"Internal server error"}',
)  # fmt: skip


class Gate:
    """Before one server. Its faults may be changed while it runs."""

    def __init__(self, upstream: str, listener: socket.socket | None = None):
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname, parts.port)
        self._listener = listener or socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.heal()
        self.replies = self.lost = self.refused = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def heal(self) -> None:
        """No fault from now on."""
        self.lose_every = 0  # every so manieth reply
        self.answer: tuple[int, str, bytes] | None = None  # this, and nothing is forwarded
        self.answer_every = 1
        self.reset_after: int | None = None  # so many bytes of a request are taken, then reset
        self.down = False  # connections are closed at once
        self.delay_s = 0.0
        self.bytes_per_s: float | None = None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.add(client)
        server = None
        try:
            client.settimeout(120)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.down:
                reset(client)
                return
            reader = Reader(client)
            while (head := reader.head()) is not None:
                if self.down:
                    reset(client)
                    return
                if self.reset_after is not None:
                    reader.discard(self.reset_after)
                    self._count("refused")
                    reset(client)
                    return
                answer = self.answer
                if answer is not None and self._count("refused") % self.answer_every == 0:
                    reader.body(head, lambda _piece: None, lambda: client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n"))
                    client.sendall(answered(*answer))
                    continue
                if server is None:
                    server = socket.create_connection(self._upstream, 10)
                    server.settimeout(120)
                    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    replies = Reader(server)
                server.sendall(head)
                if self.delay_s:
                    time.sleep(self.delay_s)
                first = None
                if b"100-continue" in head.lower():
                    first = replies.head()
                    if first is not None and first.startswith(b"HTTP/1.1 100"):
                        client.sendall(first)
                        first = None
                if first is None:
                    reader.body(head, self._paced(server.sendall))
                    first = replies.head()
                while first is not None and first.startswith(b"HTTP/1.1 1"):
                    client.sendall(first)
                    first = replies.head()
                if first is None:
                    return
                count = self._count("replies")
                if self.lose_every and count % self.lose_every == 0:
                    self._count("lost")
                    # The server has done it and says so; the station hears nothing.
                    replies.body(first, lambda _piece: None, request=head)
                    reset(client)
                    return
                client.sendall(first)
                replies.body(first, self._paced(client.sendall), request=head)
                if b"connection: close" in first.lower():
                    return
        except (OSError, ValueError):
            return
        finally:
            self._open.discard(client)
            client.close()
            if server is not None:
                server.close()

    def _paced(self, send: Callable[[bytes], None]) -> Callable[[bytes], None]:
        def paced(piece: bytes) -> None:
            if self.bytes_per_s:
                time.sleep(len(piece) / self.bytes_per_s)
            send(piece)

        return paced

    def _count(self, what: str) -> int:
        with self._lock:
            setattr(self, what, getattr(self, what) + 1)
            return getattr(self, what)


class Reader:
    """Heads and bodies of HTTP/1.1 off a socket."""

    def __init__(self, source: socket.socket):
        self._source, self._held = source, b""

    def _more(self) -> bool:
        piece = self._source.recv(65536)
        self._held += piece
        return bool(piece)

    def head(self) -> bytes | None:
        """Up to the empty line; none where the other end is done."""
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > 1 << 20:
                raise ValueError("a head without an end")
            if not self._more():
                return None
        head, self._held = self._held[: end + 4], self._held[end + 4 :]
        return head

    def discard(self, count: int) -> None:
        while len(self._held) < count and self._more():
            pass

    def _take(self, count: int, give: Callable[[bytes], None]) -> None:
        while count:
            if not self._held and not self._more():
                raise ValueError("the body breaks off")
            piece, self._held = self._held[:count], self._held[count:]
            count -= len(piece)
            give(piece)

    def _line(self) -> bytes:
        while (end := self._held.find(b"\r\n")) < 0:
            if not self._more():
                raise ValueError("the body breaks off")
        line, self._held = self._held[: end + 2], self._held[end + 2 :]
        return line

    def body(self, head: bytes, give, go_on: Callable[[], None] | None = None, request: bytes = b"") -> None:
        """The body that belongs to the head, piece by piece. `request` is what a reply answers."""
        fields = dict(
            line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:] if b":" in line
        )
        status = head.split(b" ", 2)[1]
        if request.startswith(b"HEAD ") or (request and status in (b"204", b"304")):
            return
        if go_on is not None and b"100-continue" in fields.get(b"expect", b""):
            go_on()
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            while True:
                line = self._line()
                give(line)
                size = int(line.split(b";")[0], 16)
                if size == 0:
                    while (trailer := self._line()) != b"\r\n":
                        give(trailer)
                    give(b"\r\n")
                    return
                self._take(size + 2, give)
        elif b"content-length" in fields:
            self._take(int(fields[b"content-length"]), give)
        elif request:
            # A reply to the end of the connection.
            while self._held or self._more():
                piece, self._held = self._held, b""
                give(piece)


def answered(status: int, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} Fault\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nx-amz-request-id: FAULT\r\n"
    return head.encode() + b"x-amzn-RequestId: FAULT\r\n\r\n" + body


def reset(connection: socket.socket) -> None:
    """Ends it with RST, as a dead middlebox does."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
