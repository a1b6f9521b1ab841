"""Forward TCP connections: each one is two greenlets that copy, one for each direction.

python examples/proxy.py LISTEN_PORT HOST PORT
"""

import socket
import sys

import guv

guv.monkey_patch()


def copy(source, target):
    """Until `source` ends; then say so to `target`, which may still have something to send."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in source, target:  # wakes the other direction, whatever it waits for
            end.close()


def forward(client, address, target):
    with client:
        try:
            server = socket.create_connection(target, timeout=10)
        except OSError as error:
            print(f"{address}: {target[0]}:{target[1]} can't be reached: {error}", file=sys.stderr)
            return
        with server:
            server.settimeout(None)
            there = guv.spawn(copy, client, server)
            copy(server, client)
            there.wait()


if __name__ == "__main__":
    listen_port, host, port = sys.argv[1:]
    listener = guv.listen(("127.0.0.1", int(listen_port)))
    print(f"listening on port {listener.getsockname()[1]}", flush=True)
    guv.serve(listener, lambda client, address: forward(client, address, (host, int(port))))
