"""A chat server: each line that somebody sends goes to everyone else. One greenlet for each person.

python examples/chat.py 4000
nc 127.0.0.1 4000
"""

import sys

import guv
from guv.queue import Queue

guv.monkey_patch()

SLOW = 100  # lines that may wait for somebody who does not read them

people = {}


def write(connection, lines):
    """Send what is put into `lines`, until None comes. Nobody else waits for a slow reader."""
    for line in iter(lines.get, None):
        connection.sendall(line.encode() + b"\n")


def tell(text, but=None):
    for name, lines in list(people.items()):
        if name != but:
            if lines.qsize() >= SLOW:
                del people[name]
                lines.put(None)
            else:
                lines.put(text)


def talk(connection, address):
    with connection, connection.makefile(encoding="utf-8", errors="replace") as incoming:
        connection.sendall(b"Your name? ")
        name = incoming.readline().strip()
        if not name or name in people:
            connection.sendall(b"That name is taken.\n")
            return
        lines = people[name] = Queue()
        writer = guv.spawn(write, connection, lines)
        lines.put(f"* here: {', '.join(people)}")
        tell(f"* {name} is here", but=name)
        try:
            for line in incoming:
                tell(f"{name}: {line.rstrip()}", but=name)
        except OSError:
            pass  # gone without a goodbye
        finally:
            if people.get(name) is lines:
                del people[name]
            writer.kill()
            tell(f"* {name} has left")


if __name__ == "__main__":
    server = guv.listen(("127.0.0.1", int(sys.argv[1])))
    print(f"listening on port {server.getsockname()[1]}", flush=True)
    guv.serve(server, talk)
