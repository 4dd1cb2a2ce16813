"""The same in Python: one thread for each connection, on the socket that was handed over."""

import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RELEASE = os.environ.get("CUTOVER_RELEASE", "local")
ENVIRONMENT = os.environ.get("CUTOVER_ENVIRONMENT", "none")
finishing = threading.Event()


class Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # the head and the body of a response leave together
    timeout = 5  # a connection that asks nothing for so long is ended

    def do_GET(self):
        body = b"ok\n" if self.path == "/health" else f"hello from release {RELEASE}\n".encode()
        self.send_response(200)
        self.send_header("X-Release", RELEASE)
        self.send_header("X-Environment", ENVIRONMENT)
        self.send_header("Content-Length", str(len(body)))
        if finishing.is_set():
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False  # those who are connected are waited for
    request_queue_size = 1024

    def __init__(self):
        handed = os.environ.get("LISTEN_PID") == str(os.getpid()) and int(os.environ.get("LISTEN_FDS", "0")) > 0
        if not handed:
            super().__init__((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))), Hello)
            return
        super().__init__(("", 0), Hello, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(fileno=3)
        self.server_address = self.socket.getsockname()


server = Server()


def finish(*_):
    finishing.set()
    threading.Thread(target=server.shutdown).start()


signal.signal(signal.SIGTERM, finish)
server.serve_forever(poll_interval=0.05)
server.server_close()
sys.exit(0)
