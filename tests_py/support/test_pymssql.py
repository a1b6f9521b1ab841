"""pymssql against a server of a few lines that speaks TDS 7.0, a greenlet of the same process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Program = Callable[..., str]

pytestmark = pytest.mark.slow

SERVER = """
import os, pymssql, socket, struct

BATCH, LOGIN, ATTENTION = 1, 16, 6

def done(rows=0, status=0):
    return struct.pack("<BHHI", 0xFD, status | (0x10 if rows else 0), 0xC1, rows)

ACKNOWLEDGED = b"\\xad" + struct.pack("<HB", 12, 1) + b"\\7\\0\\0\\0" + b"\\1X\\0" + b"\\7\\0\\0\\0"
COLUMN = b"\\x81" + struct.pack("<HHHB", 1, 0, 8, 0x38) + b"\\1n\\0"  # an int called n

def request(conn):
    kind, text, last = None, b"", 0
    while not last:
        head = conn.recv(8, socket.MSG_WAITALL)
        if len(head) < 8:
            return None, ""
        kind, last, size = struct.unpack(">BBH", head[:4])
        text += conn.recv(size - 8, socket.MSG_WAITALL)
    return kind, text.decode("utf-16-le", "replace") if kind == BATCH else ""

def serve(conn):
    \"\"\"``select N`` has N rows, when `gate` is open; everything else is done at once.\"\"\"
    while True:
        kind, text = request(conn)
        if kind is None:
            return
        answer = done()
        if kind == LOGIN:
            answer = ACKNOWLEDGED + done()
        elif kind == ATTENTION:
            answer = done(status=0x20)
        elif text.startswith("select"):
            asked.set()
            gate.wait()
            n = int(text.split()[1])
            answer = COLUMN + b"".join(b"\\xd1" + struct.pack("<i", i) for i in range(n)) + done(n)
        conn.sendall(struct.pack(">BBHHBB", 4, 1, 8 + len(answer), 0, 1, 0) + answer)

def accept():
    while True:
        guv.spawn(serve, listener.accept()[0])

listener = socket.create_server(("127.0.0.1", 0))
guv.spawn(accept)
gate, asked = threading.Event(), threading.Event()

def connect(**options):
    port = str(listener.getsockname()[1])
    return pymssql.connect(server="127.0.0.1", port=port, user="u", password="p", tds_version="7.0", **options)
"""


def test_pymssql_waits_for_a_server_that_is_a_greenlet(program: Program) -> None:
    code = """
    print(guv.patcher.report().libraries["pymssql"])
    def ask(i):
        with connect() as conn, conn.cursor() as cursor:
            cursor.execute(f"select {i}")
            return cursor.fetchall()
    asking = [guv.spawn(ask, i) for i in range(3)]
    asked.wait()
    print([one.dead for one in asking])
    gate.set()
    print([one.wait() for one in asking])
    conn = connect(as_dict=True)
    cursor = conn.cursor()
    cursor.execute("select 3")
    print(cursor.fetchone(), list(cursor), cursor.connection is conn)
    print(isinstance(conn, pymssql.Connection), isinstance(cursor, pymssql.Cursor))
    conn.autocommit(True)
    conn.commit()
    """
    assert program("pymssql", SERVER.replace("\n", "\n    ") + code) == (
        "active\n[False, False, False]\n[[], [(0,)], [(0,), (1,)]]\n{'n': 0} [{'n': 1}, {'n': 2}] True\nTrue True\n"
    )


def test_pymssql_connection_of_a_killed_greenlet_goes_on_after_the_answer(program: Program) -> None:
    code = """
    conn = connect(timeout=20)
    cursor = conn.cursor()
    killed = guv.spawn(cursor.execute, "select 1")
    asked.wait()
    killed.kill()
    gate.set()
    cursor.execute("select 2")
    print(cursor.fetchall())
    """
    assert program("pymssql", SERVER.replace("\n", "\n    ") + code) == "[(0,), (1,)]\n"
