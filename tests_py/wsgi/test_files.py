"""``wsgi.file_wrapper``: what is sent by sendfile, and what is not."""

from __future__ import annotations

import errno
import importlib
import io

import pytest
from http_replies import body_of

from guv.wsgi import FileWrapper

LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_file_is_sent_from_its_position(serve, tmp_path, size):
    path = tmp_path / "file"
    path.write_bytes(b"skipped" + bytes(range(256)) * (size // 256) + b"e" * (size % 256))

    def app(environ, start_response):
        start_response("200 OK", [])
        file = open(path, "rb")  # noqa: SIM115
        file.seek(7)
        return environ["wsgi.file_wrapper"](file)

    reply = serve(app).talk(LAST)
    assert b"Content-Length: %d\r\n" % size in reply
    assert body_of(reply) == path.read_bytes()[7:]


def test_file_goes_through_sendfile_and_stops_at_its_length(serve, tmp_path, monkeypatch):
    import os

    calls = []
    real = os.sendfile

    def counted(*args):
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(os, "sendfile", counted)
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")

    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "4")])
        return FileWrapper(open(path, "rb"))

    assert body_of(serve(app).talk(LAST)) == b"0123"
    assert len(calls) == 1


@pytest.mark.parametrize("name", ["file", "within tempfile", "within Django's File"])
def test_file_within_a_wrapper_goes_through_sendfile(name, tmp_path):
    import tempfile

    from guv.wsgi._file import _descriptor

    with open(tmp_path / "file", "wb+") as plain, tempfile.NamedTemporaryFile() as temporary:
        file = {"file": plain, "within tempfile": temporary}.get(name)
        if file is None:
            file = pytest.importorskip("django.core.files").File(plain)
        assert _descriptor(file) == file.fileno()


@pytest.mark.parametrize("module", ["gzip", "bz2", "lzma"])
def test_packed_file_is_sent_unpacked(serve, tmp_path, module):
    """Its descriptor is that of the packed file."""
    package = importlib.import_module(module)
    with package.open(tmp_path / "file", "wb") as file:
        file.write(b"content")

    def app(environ, start_response):
        start_response("200 OK", [])
        return FileWrapper(package.open(tmp_path / "file"))

    assert body_of(serve(app).talk(LAST)) == b"content"


def test_file_of_the_kernel_that_claims_to_be_empty_is_sent(serve):
    def app(environ, start_response):
        start_response("200 OK", [])
        return FileWrapper(open("/proc/version", "rb"))

    with open("/proc/version", "rb") as file:
        assert body_of(serve(app).talk(LAST)) == file.read()


def test_file_that_the_kernel_can_not_send_is_copied(serve, tmp_path, monkeypatch):
    def refused(*args):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("os.sendfile", refused)
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1000)

    def app(environ, start_response):
        start_response("200 OK", [])
        return FileWrapper(open(path, "rb"))

    assert body_of(serve(app).talk(LAST)) == path.read_bytes()


@pytest.mark.parametrize("what", ["bytes", "pipe"])
def test_what_is_no_regular_file_is_read(serve, what):
    import os

    def app(environ, start_response):
        start_response("200 OK", [])
        if what == "bytes":
            return FileWrapper(io.BytesIO(b"some" * 50_000), 1000)
        reading, writing = os.pipe()
        os.write(writing, b"some" * 10)
        os.close(writing)
        return FileWrapper(open(reading, "rb"))

    assert set(body_of(serve(app).talk(LAST)).split(b"some")) == {b""}
