"""Access logs: the formats that log readers know, and whom a request is ascribed to."""

from __future__ import annotations

import logging
import re
import time

import pytest

from guv.wsgi import AccessLog, _log
from guv.wsgi._log import COMMON, format_log_time

GET = b"GET /a?b=c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


def hello(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "guv.wsgi.access")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "guv.wsgi.access"]


def test_combined_line_tells_who_when_what_and_how(serve, lines):
    serve(hello, access_log=AccessLog()).talk(GET + b"Referer: http://x/\r\nUser-Agent: test/1\r\n\r\n")
    [line] = lines()
    assert re.fullmatch(
        r'127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
        r'"GET /a\?b=c HTTP/1\.1" 200 5 "http://x/" "test/1"',
        line,
    )  # fmt: skip


def test_common_line_without_a_body_has_a_dash_for_its_size(serve, lines):
    def app(environ, start_response):
        environ["REMOTE_USER"] = "ann"
        start_response("204 No Content", [])
        return []

    serve(app, access_log=AccessLog(format=COMMON)).talk(GET + b"\r\n")
    [line] = lines()
    assert line.startswith("127.0.0.1 - ann [")
    assert line.endswith('"GET /a?b=c HTTP/1.1" 204 -')


def test_time_of_a_line_is_that_of_its_request(serve, lines, monkeypatch):
    log = AccessLog()
    for now in (1_000_000_000.2, 1_000_000_000.9, 1_000_000_001.0, 999_999_999.0):  # a clock may be set back
        monkeypatch.setattr(_log._originals, "time", lambda now=now: now)
        serve(hello, access_log=log).talk(GET + b"\r\n")
    times = [int(re.search(r":(\d\d) ", line)[1]) for line in lines()]
    assert times == [40, 40, 41, 39]


def test_peer_can_not_break_out_of_its_place_in_the_line(serve, lines):
    serve(hello, access_log=AccessLog()).talk(GET + b'User-Agent: a" 200 1 "\\\xe9\t\r\n\r\n')
    [line] = lines()
    assert line.endswith(r' "-" "a\" 200 1 \"\\\xe9"')


def test_logger_that_does_not_listen_costs_no_line(serve, caplog):
    caplog.set_level(logging.WARNING, "guv.wsgi.access")
    serve(hello, access_log=AccessLog()).talk(GET + b"\r\n")
    assert not caplog.records


TRUSTED = ["10.0.0.0/8", "::1", "127.0.0.0/8"]
CLIENTS = {
    "nobody between": ("1.2.3.4", None, "1.2.3.4"),
    "forged by a stranger": ("1.2.3.4", "6.6.6.6", "1.2.3.4"),
    "one proxy": ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
    "forged before the proxy": ("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
    "proxies in a row": ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.3 ,10.0.0.2", "1.2.3.4"),
    "only proxies": ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    "no field": ("10.0.0.1", None, "10.0.0.1"),
    "empty hop": ("10.0.0.1", "1.2.3.4,,10.0.0.2", "10.0.0.2"),
    "hop that is no address": ("10.0.0.1", "1.2.3.4, unknown", "unknown"),
    "hop with an end of line": ("10.0.0.1", 'x" y', 'x\\" y'),
    "IPv6": ("::1", "2001:db8::1", "2001:db8::1"),
    "IPv4 on an IPv6 socket": ("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"),
    "stranger's IPv4 on an IPv6 socket": ("::ffff:1.2.3.4", "6.6.6.6", "::ffff:1.2.3.4"),
    "Unix socket": ("", "1.2.3.4", "1.2.3.4"),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_request_is_ascribed_to_the_last_who_is_no_proxy_of_ours(name):
    address, forwarded, client = CLIENTS[name]
    environ = {"REMOTE_ADDR": address}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    assert AccessLog(trusted=TRUSTED).client(environ) == client


def test_nobody_is_believed_by_default():
    assert AccessLog().client({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "6.6.6.6"}) == "127.0.0.1"


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC0", "09/Sep/2001:01:46:40 +0000"),
        ("AAA-05:30", "09/Sep/2001:07:16:40 +0530"),
        ("BBB+03:30", "08/Sep/2001:22:16:40 -0330"),
    ],
)
def test_time_is_local_with_its_offset(monkeypatch, zone, text):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert format_log_time(1_000_000_000) == text
    finally:
        monkeypatch.undo()
        time.tzset()
