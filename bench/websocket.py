"""The live picture as a second window would get it: a client of RFC 6455 for what the station sends on loopback."""

from __future__ import annotations

import base64
import os
import socket
import struct
import urllib.parse

from measure import NotMeasured

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
HEADER = struct.Struct("<Qd")


class Preview:
    """Answers each frame at once, so that the next comes as soon as there is one."""

    def __init__(self, url: str, timeout_s: float = 30) -> None:
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.stream = self.socket.makefile("rb", buffering=1 << 20)
        status = self.stream.readline().decode(errors="replace").strip()
        if " 101 " not in f"{status} ":
            raise NotMeasured(f"the live picture refused the client: {status or 'no answer'}")
        while self.stream.readline().strip():
            pass

    def close(self) -> None:
        # What reads in another thread is woken by this, and not by a close alone.
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def frame(self) -> tuple[int, float, int]:
        """The next frame's sequence, its exposure in milliseconds since 1970, and the bytes of its picture."""
        message = self._message()
        sequence, exposed_at_ms = HEADER.unpack_from(message)
        self._send(TEXT, str(sequence).encode())
        return sequence, exposed_at_ms, len(message) - HEADER.size

    def _exactly(self, count: int) -> bytes:
        piece = self.stream.read(count)
        if piece is None or len(piece) < count:
            raise NotMeasured("the station has ended the live picture")
        return piece

    def _message(self) -> bytes:
        pieces = []
        while True:
            first, second = self._exactly(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack(">H", self._exactly(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", self._exactly(8))
            body, kind = self._exactly(size), first & 0x0F
            if kind == CLOSE:
                raise NotMeasured("the station has closed the live picture")
            if kind == PING:
                self._send(PONG, body)
            elif kind != PONG:
                pieces.append(body)
                if first & 0x80:
                    return b"".join(pieces)

    def _send(self, kind: int, body: bytes) -> None:
        # A client masks what it sends (RFC 6455, 5.3), with zeros as well as with anything on loopback.
        self.socket.sendall(bytes([0x80 | kind, 0x80 | len(body)]) + bytes(4) + body)
