"""python-ldap against a server of a few lines, which is a greenlet of the same process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Program = Callable[..., str]

pytestmark = pytest.mark.slow

SERVER = """
import ldap, os, pickle, socket

RESULT = bytes.fromhex("0a0100 0400 0400")  # success, no name, no text
BIND, UNBIND, SEARCH, ENTRY, DONE = 0x60, 0x42, 0x63, b"\\x64", b"\\x65"

def message(number, operation, content):
    body = bytes([2, 1, number]) + operation + bytes([len(content)]) + content
    return bytes([0x30, len(body)]) + body

def serve(conn):
    \"\"\"Bind at once; answer a search with one entry, called as its base, when `gate` is open.\"\"\"
    while request := conn.recv(4096):
        request = request[2 if request[1] < 128 else 2 + request[1] % 128:]
        number, operation = request[2], request[3]
        if operation == UNBIND:
            break
        if operation == BIND:
            conn.sendall(message(number, b"\\x61", RESULT))
        elif operation == SEARCH:
            asked.set()
            gate.wait()
            name = request[request.index(b"dc="):][:4]
            conn.sendall(message(number, ENTRY, b"\\x04\\x04" + name + b"\\x30\\x00") + message(number, DONE, RESULT))
    conn.close()

def accept():
    while True:
        guv.spawn(serve, listener.accept()[0])

listener = socket.create_server(("127.0.0.1", 0))
guv.spawn(accept)
gate, asked = threading.Event(), threading.Event()

def connect(cls=ldap.initialize):
    connection = cls(f"ldap://127.0.0.1:{listener.getsockname()[1]}")
    connection.simple_bind_s("cn=me", "secret")
    return connection

def search(connection, base="dc=a"):
    return connection.search_s(base, ldap.SCOPE_BASE)
"""


def test_ldap_waits_for_a_server_that_is_a_greenlet(program: Program) -> None:
    code = """
    print(guv.patcher.report().libraries["ldap"])
    connections = [connect() for _ in range(3)]
    searches = [guv.spawn(search, c, f"dc={i}") for i, c in enumerate(connections)]
    asked.wait()
    print([s.dead for s in searches])
    gate.set()
    print([s.wait() for s in searches])
    for c in connections:
        c.unbind_s()
    """
    assert program("ldap", SERVER.replace("\n", "\n    ") + code) == (
        "active\n[False, False, False]\n[[('dc=0', {})], [('dc=1', {})], [('dc=2', {})]]\n"
    )


def test_ldap_connection_of_a_killed_greenlet_goes_on_after_the_answer(program: Program) -> None:
    code = """
    connection = connect()
    connection.set_option(ldap.OPT_TIMEOUT, 20)
    killed = guv.spawn(search, connection)
    asked.wait()
    killed.kill()
    gate.set()
    print(search(connection, "dc=b"))
    connection.set_option(ldap.OPT_TIMEOUT, 0.1)
    gate.clear()
    try:
        search(connection)
    except ldap.TIMEOUT:
        print("timeout")
    """
    assert program("ldap", SERVER.replace("\n", "\n    ") + code) == "[('dc=b', {})]\ntimeout\n"


def test_ldap_connection_pickles_and_is_usable_in_a_forked_child(program: Program) -> None:
    code = """
    from ldap.ldapobject import ReconnectLDAPObject
    gate.set()
    connection = connect(ReconnectLDAPObject)
    print(search(pickle.loads(pickle.dumps(connection))))
    pid = os.fork()
    if not pid:
        connection.unbind_s()
        os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """
    assert program("ldap", SERVER.replace("\n", "\n    ") + code) == "[('dc=a', {})]\n7\n"
