"""Crawl a site with a pool of 50 greenlets, each page with a time limit of its own.

    python examples/crawler.py [URL]

Without a URL it serves a site of 500 pages itself, in the same thread.
"""

import http.server
import re
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

import guv
from guv.queue import Empty, Queue

guv.monkey_patch()

PAGES = 500
TIME_LIMIT = 10  # seconds for one page


class Site(http.server.BaseHTTPRequestHandler):
    """Page n links to 2n+1 and 2n+2, as far as there are such pages."""

    def do_GET(self):
        n = int(self.path[1:] or 0)
        links = "".join(f'<a href="/{m}">' for m in (2 * n + 1, 2 * n + 2) if m < PAGES)
        guv.sleep(0.02)  # what a database would take
        self.send_response(200)
        self.end_headers()
        self.wfile.write(links.encode())

    def log_message(self, *args):
        pass


class Crawler:
    def __init__(self, start):
        self.host = urllib.parse.urlsplit(start).netloc
        self.found = {start}
        self.failed = {}
        self.pool = guv.GreenPool(50)
        self.pending = Queue()
        self.pending.put(start)

    def run(self):
        while self.pool.running() or not self.pending.empty():
            try:
                self.pool.spawn_n(self.visit, self.pending.get(timeout=0.05))
            except Empty:
                pass  # somebody is still reading a page
        return len(self.found) - len(self.failed)

    def visit(self, url):
        try:
            with guv.Timeout(TIME_LIMIT), urllib.request.urlopen(url) as answer:
                text = answer.read().decode(errors="replace")
        except (guv.Timeout, urllib.error.URLError, ConnectionError) as error:
            self.failed[url] = error
            return
        for link in re.findall(r'href="([^"#]+)"', text):
            link = urllib.parse.urljoin(url, link)
            if link not in self.found and urllib.parse.urlsplit(link).netloc == self.host:
                self.found.add(link)
                self.pending.put(link)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        url = sys.argv[1]
    else:
        http.server.HTTPServer.request_queue_size = 100  # 5 connections that wait to be accepted are few
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/0"
    crawler = Crawler(url)
    print(crawler.run(), "pages,", len(crawler.failed), "failures")
