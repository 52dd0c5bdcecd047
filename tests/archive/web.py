"""A small web server for tests: answers from functions or lists of replies, and remembers what it was asked."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Reply:
    """What the server says once."""

    body: Any = field(default_factory=dict)
    """Bytes or text as they are, anything else as JSON."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before it answers."""
    cut: int = 0
    """Bytes missing at the end although the length announces them."""


@dataclass
class Asked:
    """One request, decoded."""

    method: str
    path: str
    raw: str
    """Path and parameters as they came."""
    parameters: dict[str, str]
    body: Any
    headers: dict[str, str]


class Web:
    """``web.says(path, reply, ...)`` in turn, the last one for ever; ``web.does(path, function)`` makes a reply of a request."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.at_a_time = self.most_at_a_time = 0
        self._functions: dict[str, Callable[[Asked], Reply]] = {}
        self._lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def says(self, path: str, *replies: Reply) -> str:
        rest = list(replies)
        return self.does(path, lambda _: rest.pop(0) if len(rest) > 1 else rest[0])

    def does(self, path: str, function: Callable[[Asked], Reply]) -> str:
        self._functions[path] = function
        return self.url + path

    def _reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            self.at_a_time += 1
            self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
            function = self._functions.get(asked.path)
            reply = function(asked) if function else Reply("not here", 404)
        time.sleep(reply.delay)
        with self._lock:
            self.at_a_time -= 1
        return reply

    def _handler(web):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                parts = urlsplit(self.path)
                parameters = {key: values[0] for key, values in parse_qs(parts.query).items()}
                asked = Asked(self.command, unquote(parts.path), self.path, parameters, body, dict(self.headers))
                reply = web._reply(asked)
                text = reply.body if isinstance(reply.body, bytes | str) else json.dumps(reply.body)
                data = text.encode() if isinstance(text, str) else text
                try:
                    self.send_response(reply.status)
                    for name, value in reply.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data[: len(data) - reply.cut])
                except (BrokenPipeError, ConnectionResetError):
                    pass
                self.close_connection = self.close_connection or bool(reply.cut)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        return Handler
