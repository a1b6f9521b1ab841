"""An ordinary threaded HTTP server. It knows nothing of guv.

Each page takes a moment, as if a database had to be asked, and links to the next ones.
"""

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DELAY = 0.02
PAGES = 400


class Pages(BaseHTTPRequestHandler):
    """Page N links to pages 2N+1 and 2N+2."""

    def do_GET(self):
        time.sleep(DELAY)
        number = int(self.path.rsplit("/", 1)[1])
        links = [n for n in (2 * number + 1, 2 * number + 2) if n < PAGES]
        body = "".join(f'<a href="/page/{n}">page {n}</a>\n' for n in links).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    """One thread for each connection; the backlog is made for crowds."""

    daemon_threads = True
    request_queue_size = 1024
