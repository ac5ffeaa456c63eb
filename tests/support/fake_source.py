"""A control plane that serves whatever publication a test wants, and keeps the reports (signed-files.md)."""
import base64
import hashlib
import http.server
import json
import subprocess
import threading
import time
import urllib.parse


class FakeSource:
    """with FakeSource(port) as source: source.offer("map", epoch, content, signature)."""

    def __init__(self, port, country="se", tls=None):
        self.country = country
        self.version = time.time_ns() // 1000  # never one that a client has seen
        self.offered = {}  # kind -> (epoch, content, signature)
        self.reports = []
        self.changed = threading.Condition()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.server.daemon_threads = True
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        with self.changed:
            self.version += 1
            self.changed.notify_all()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def offer(self, kind, epoch, content, signature):
        with self.changed:
            self.offered[kind] = (epoch, content, signature)
            self.version += 1
            self.reports.clear()
            self.changed.notify_all()

    def refusals(self, reporter, kind="map"):
        """Errors that a program reported for this kind since the last offer."""
        return [refused["error"] for report in list(self.reports) if report["reporter"] == reporter
                for refused in report.get("refused", []) if refused["kind"] == kind]

    def index(self, after, wait_s):
        with self.changed:
            if self.version == after:
                self.changed.wait(wait_s)
            files = [{"country": self.country, "kind": kind, "epoch": epoch,
                      "sha256": hashlib.sha256(content).hexdigest()}
                     for kind, (epoch, content, _) in self.offered.items()]
            return {"version": self.version, "publications": files}

    def _handler(source):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = 1 << 20

            def reply(self, status, body=b"", headers=()):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.send_header("connection", "close")  # a later source answers on the same port
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                after = int(query.get("after", 0))
                parts = url.path.split("/")[3:]
                if not parts:
                    index = source.index(after, int(query.get("wait_s", 0)))
                    self.reply(200, json.dumps(index).encode(), [("content-type", "application/json")])
                    return
                epoch, content, signature = source.offered.get(parts[-1], (0, b"", b""))
                if epoch <= after:
                    self.reply(404)
                    return
                headers = [("content-type", "application/octet-stream"), ("callcell-epoch", str(epoch)),
                           ("callcell-sha256", hashlib.sha256(content).hexdigest())]
                if signature is not None:
                    headers.append(("callcell-signature", base64.b64encode(signature).decode()))
                self.reply(200, content, headers)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                source.reports.append(json.loads(body))
                self.reply(204)

            def log_message(self, *_):
                pass

        return Handler


def sign(key_file, content, folder):
    """Ed25519 over the exact bytes, by openssl: 64 raw bytes."""
    (folder / "content").write_bytes(content)
    subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(key_file), "-in",
                    str(folder / "content"), "-out", str(folder / "signature")], check=True,
                   capture_output=True)
    return (folder / "signature").read_bytes()
