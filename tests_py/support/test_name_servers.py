"""Libraries that ask name servers, and `GUV_RESOLVER=dnspython`, against a name server in the same process: a greenlet."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

Program = Callable[..., str]

SERVER = """
import socket, threading
import dns.message, dns.rcode, dns.rrset

RECORDS = {("one.example.", "A"): "192.0.2.1", ("two.example.", "A"): "192.0.2.2", ("one.example.", "AAAA"): "2001:db8::1"}
asked = []

def answer_all(server):
    while True:
        wire, client = server.recvfrom(4096)
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text().lower(), question.rdtype.name
        asked.append((name, kind))
        reply = dns.message.make_response(query)
        if (name, kind) in RECORDS:
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, RECORDS[name, kind]))
        elif not any(known == name for known, _ in RECORDS):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        server.sendto(reply.to_wire(), client)

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
port = server.getsockname()[1]
threading.Thread(target=answer_all, args=(server,), daemon=True).start()
"""

RESOLVER = """
import dns.resolver
dns.resolver.default_resolver = resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port = ["127.0.0.1"], port
"""


def test_dnspython_asks_a_server_in_the_same_process(program: Program) -> None:
    code = """
def address(number):
    name = ("one", "two")[number % 2]
    return resolver.resolve(f"{name}.example.", "A")[0].address
print(*together(address, 6))
"""
    assert program("dns", SERVER + RESOLVER + code) == " ".join(["192.0.2.1", "192.0.2.2"] * 3) + "\n"


def test_pycares_waits_for_a_server_in_the_same_process(program: Program) -> None:
    code = """
import pycares
assert guv.patcher.report().libraries["pycares"] == "active"
if int(pycares.__version__.split(".")[0]) < 5:
    settings = {"event_thread": True}
else:
    settings = {}
def address(number):
    channel = pycares.Channel(servers=["127.0.0.1"], udp_port=port, timeout=20, **settings)
    found = []
    def done(result, error):
        assert error is None, error
        records = getattr(result, "answer", result)
        found.append(getattr(records[0], "host", None) or records[0].data.addr)
    kind = pycares.QUERY_TYPE_A
    try:
        channel.query(f"{('one', 'two')[number % 2]}.example", kind, callback=done)
    except TypeError:
        channel.query(f"{('one', 'two')[number % 2]}.example", kind, done)
    assert channel.wait(20)
    return found[0]
print(*together(address, 6))
"""
    assert program("dns", "pycares", SERVER + code) == " ".join(["192.0.2.1", "192.0.2.2"] * 3) + "\n"


def test_chosen_dnspython_answers_getaddrinfo(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUV_RESOLVER", "dnspython")
    code = """
def show(*args, **kwargs):
    try:
        print(*[(int(family), name, address[0]) for family, _, _, name, address in socket.getaddrinfo(*args, **kwargs)])
    except socket.gaierror as error:
        print(error.errno == socket.EAI_NONAME, error.errno == socket.EAI_NODATA, error.strerror)
TCP = {"type": socket.SOCK_STREAM}
show("one.example.", 80, **TCP)
show("one.example.", "http", socket.AF_INET6, **TCP)
show("two.example.", 80, **TCP, flags=socket.AI_CANONNAME)
show("two.example.", 80, socket.AF_INET6, **TCP)
show("none.example.", 80, **TCP)
show(b"a" * 64 + b".example.", 80, **TCP)
print(socket.gethostbyname("two.example."))
before = len(asked)
show("127.0.0.1", 80, **TCP)
show("localhost", 80, socket.AF_INET, **TCP)
show(None, "http", socket.AF_INET, **TCP)        # only a service to look up
show("127.0.0.1", "http", **TCP)
show("", "http", **TCP)
print(len(asked) - before)
"""
    assert program("dns", SERVER + RESOLVER + code).splitlines() == [
        "(2, '', '192.0.2.1') (10, '', '2001:db8::1')",
        "(10, '', '2001:db8::1')",
        "(2, 'two.example', '192.0.2.2')",
        "False True No address associated with hostname",
        "True False Name or service not known",
        "True False Name or service not known",
        "192.0.2.2",
        "(2, '', '127.0.0.1')",
        "(2, '', '127.0.0.1')",
        "(2, '', '127.0.0.1')",
        "(2, '', '127.0.0.1')",
        "True False Name or service not known",
        "0",
    ]


def test_chosen_resolver_unknown_raisesAtThePatch() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import guv; guv.monkey_patch()"],
        env={**os.environ, "GUV_RESOLVER": "bind"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.stderr.splitlines()[-1] == (
        "ValueError: GUV_RESOLVER='bind' is unknown: set it to 'system' or 'dnspython', or leave it out"
    )
