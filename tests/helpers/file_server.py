"""A server of files on this machine, which can fail as servers do."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager

DROP_AFTER = 700_000


class Server(http.server.ThreadingHTTPServer):
    """Serves files with ranges; `plan` holds how to answer, request by request.

    `files` holds contents by path; all others are `content`.
    """

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.files = content, {}
        self.plan = []
        self.ranges = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        how = self.server.plan.pop(0) if self.server.plan else "send"
        if isinstance(how, int):
            self.send_error(how)
            return
        start = 0
        if asked and how != "ignore range":
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        content = self.server.files.get(self.path, self.server.content)
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        body = content[start:]
        self.send_response(206 if start else 200)
        if start:
            last = len(content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{last + 1}")
        if how != "no length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:DROP_AFTER] if how in ("drop", "no length") else body)

    def log_message(self, *_):
        pass


@contextmanager
def serving(content):
    """Run a server until the block ends."""
    with Server(content) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
