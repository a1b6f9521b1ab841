"""An ordinary crawler on a pool of threads. It knows nothing of guv."""

import re
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return re.findall(r'href="([^"]+)"', answer.read().decode())


def crawl(root, start, workers):
    """Fetch every page that can be reached from `start`; return how many there are."""
    seen, lock, done = {start}, threading.Lock(), threading.Event()
    left = [1]

    def visit(path):
        try:
            links = fetch(root + path)
        finally:
            with lock:
                left[0] -= 1
        with lock:
            fresh = [link for link in links if link not in seen]
            seen.update(fresh)
            left[0] += len(fresh)
            if not left[0]:
                done.set()
        for link in fresh:
            pool.submit(visit, link)

    with ThreadPoolExecutor(workers) as pool:
        pool.submit(visit, start)
        done.wait()
    return len(seen)
