"""Server and crawler in one process: ``python both.py WORKERS``. Neither knows of guv; run it by
``python -m guv both.py 200`` and the threads of both are greenlets in one thread of the operating system."""

import json
import sys
import threading
import time

from crawler import crawl
from server import Pages, Server

most = 0


def watch_threads(stop):
    global most
    while not stop.wait(0.01):
        most = max(most, threading.active_count())


def main():
    server = Server(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stop = threading.Event()
    threading.Thread(target=watch_threads, args=(stop,), daemon=True).start()
    began = time.monotonic()
    pages = crawl(f"http://127.0.0.1:{server.server_port}", "/page/0", int(sys.argv[1]))
    seconds = time.monotonic() - began
    stop.set()
    natives = len({thread.native_id for thread in threading.enumerate()})
    server.shutdown()
    print(json.dumps({"requests": pages, "threads": most, "native": natives, "seconds": seconds}))


if __name__ == "__main__":
    main()
