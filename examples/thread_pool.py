"""Work that computes or blocks in C, beside greenlets that must stay responsive.

    python examples/thread_pool.py

Greenlets share one thread: whoever computes for long keeps all others waiting. `guv.tpool` has native threads for that.
"""

import hashlib
import sqlite3
import time
from concurrent.futures import as_completed

import guv
from guv import tpool

guv.monkey_patch()


def heartbeat(gaps):
    """Note how long the loop let each short sleep last."""
    while True:
        began = time.monotonic()
        time.sleep(0.005)
        gaps.append(time.monotonic() - began)


def hash_password(password):
    """Takes its time on purpose, in C, without the interpreter lock."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 200_000).hex()[:8]


def query(path):
    """sqlite3 knows no waiting but blocking."""
    with sqlite3.connect(path) as database:
        return database.execute("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n LIMIT 200000)"
                                "SELECT sum(x) FROM n").fetchone()[0]  # fmt: skip


def main():
    gaps = []
    beating = guv.spawn(heartbeat, gaps)

    print("one call:", tpool.execute(hash_password, "secret"))

    with tpool.ThreadPoolExecutor(max_workers=2) as pool:
        futures = [pool.submit(hash_password, f"user {n}") for n in range(4)]
        print("four calls:", len({future.result() for future in as_completed(futures)}), "different results")

    print("a query:", tpool.execute(query, ":memory:"))

    beating.kill()
    print("the loop went on meanwhile:", len(gaps) > 10)


if __name__ == "__main__":
    main()
