"""Which ports of this machine's loopback address accept connections? 500 attempts at a time.

python examples/port_scanner.py [FIRST LAST]
"""

import socket
import sys
import time

import guv

guv.monkey_patch()

HOST = "127.0.0.1"  # scan no machine that is not yours


def is_open(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return port, probe.connect_ex((HOST, port)) == 0


def main(first=1, last=10_000):
    began = time.monotonic()
    pool = guv.GreenPool(500)
    found = [port for port, accepts in pool.imap(is_open, range(first, last + 1)) if accepts]
    print(f"open: {', '.join(map(str, found)) or 'none'}")
    print(f"{last - first + 1} ports in {time.monotonic() - began:.2f} s", file=sys.stderr)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
