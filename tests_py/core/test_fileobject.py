"""`guv.fileobject`: pipes, terminals, sockets and regular files, on both hubs and unpatched."""

from __future__ import annotations

import errno
import io
import os
import pty
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import guv
from guv.exceptions import FileObjectClosed
from guv.fileobject import FileObject, FileObjectPosix, FileObjectThread, SocketAdapter, set_nonblocking
from guv.greenthread import GreenletExit
from guv.testing import assert_no_switches, assert_switches, leak_check, wait_all_blocked

pytestmark = pytest.mark.usefixtures("hub")


def waiting(function: Callable[..., Any], *args: Any) -> guv.GreenThread[Any]:
    """Have `function` called by a greenthread that waits by now."""
    thread = guv.spawn(function, *args)
    wait_all_blocked()
    assert not thread.dead
    return thread


# ---- pipes and the like


def test_fileObject_pipe_readsYieldAndWritesArrive() -> None:
    with leak_check():
        r, w = os.pipe()
        with FileObject(r) as reader, FileObject(w, "wb") as writer:
            assert isinstance(reader, FileObjectPosix)
            got = waiting(reader.readline)
            writer.write(b"one\ntwo\nthree")
            writer.flush()
            assert got.wait() == b"one\n"
            rest = waiting(reader.read)
            writer.close()
            assert rest.wait() == b"two\nthree"
        assert reader.closed
        assert writer.closed


def test_fileObject_textMode_decodesAndIterates() -> None:
    r, w = os.pipe()
    with FileObject(r, "r", encoding="utf-8") as reader, FileObject(w, "w", encoding="utf-8", newline="\r\n") as writer:
        lines = waiting(list, reader)
        writer.write("grün\nblau\n")
        writer.close()
        assert lines.wait() == ["grün\n", "blau\n"]


def test_fileObject_moreThanAPipeHolds_isWrittenWhileTheOtherReads() -> None:
    r, w = os.pipe()
    data = os.urandom(300_000)
    with FileObject(r) as reader, FileObject(w, "wb") as writer:
        writing = waiting(writer.write, data)
        got = guv.spawn(reader.read, len(data))
        assert writing.wait() == len(data)
        writer.flush()
        assert got.wait() == data


def test_fileObject_descriptor_staysBlocking() -> None:
    r, w = os.pipe()
    with FileObject(r) as reader, FileObject(w, "wb", 0) as writer:
        writer.write(b"x")
        assert reader.read(1) == b"x"
        assert os.get_blocking(r)
        assert os.get_blocking(w)


def test_fileObject_socketReadWrite_goesBothWaysAtOnce() -> None:
    a, b = socket.socketpair()
    with a, b:
        left, right = FileObject(a, "r+b"), FileObject(b.detach(), "r+b", 0)
        echo = waiting(lambda: right.write(right.readline().upper()))
        reading = waiting(left.readline)
        left.write(b"hello\n")
        left.flush()
        echo.wait()
        assert reading.wait() == b"HELLO\n"
        left.close()
        assert right.read(1) == b""
        assert a.fileno() == -1  # `close` closes the object that it was made of
        right.close()


def test_fileObject_terminal_isCooperative() -> None:
    master, slave = pty.openpty()
    with FileObject(master, "r+b", 0) as controller, FileObject(slave, "r+", encoding="utf-8") as terminal:
        got = waiting(terminal.readline)
        controller.write(b"typed\n")
        assert got.wait() == "typed\n"
        terminal.write("shown")
        terminal.flush()
        shown = b""
        while b"shown" not in shown:
            shown += controller.read1(100)


def test_fileObject_textReadWrite_keepsWhatItHasReadAheadWhenItWrites() -> None:
    a, b = socket.socketpair()
    with b, FileObject(a, "r+", encoding="utf-8") as file:
        b.sendall(b"one\ntwo\n")
        assert file.readline() == "one\n"
        file.write("grün")
        file.flush()
        assert file.readline() == "two\n"
        assert b.recv(10).decode() == "grün"
        assert file.encoding == "utf-8"
        assert not file.isatty()


def test_fileObject_closedWhileAnotherReads_wakesItWithEbadf() -> None:
    for size in (-1, 0):
        r, w = os.pipe()
        reader = FileObject(r, "rb", size)
        thread = waiting(reader.read, 1)
        reader.close()
        with pytest.raises(OSError, match="Bad file descriptor") as caught:
            thread.wait()
        assert caught.value.errno == errno.EBADF
        with pytest.raises(ValueError, match="closed file"):
            reader.read(1)
        with pytest.raises(ValueError, match="closed"):
            reader.__enter__()
        reader.close()
        os.close(w)


def test_fileObject_readerKilledOrTimedOut_losesNothing() -> None:
    r, w = os.pipe()
    with FileObject(r) as reader:
        thread = waiting(reader.read, 3)
        thread.kill()
        with pytest.raises(GreenletExit):
            thread.wait()
        with guv.Timeout(0.001, False):
            reader.readline()
        os.write(w, b"abc\n")
        assert reader.readline() == b"abc\n"
    os.close(w)


def test_fileObject_notToBeClosed_leavesTheDescriptorOpen(tmp_path: Path) -> None:
    r, w = os.pipe()
    FileObject(r, close=False).close()
    os.close(r)
    os.close(w)
    with open(tmp_path / "file", "wb") as file:
        FileObject(file, close=False).close()
        assert not file.closed
        FileObject(file).close()
        assert file.closed


def test_fileObject_wrongDirectionOrDescriptor_isRefused() -> None:
    r, w = os.pipe()
    with FileObject(r) as reader:
        with pytest.raises(io.UnsupportedOperation):
            reader.write(b"x")
        with pytest.raises(AttributeError, match="nothing"):
            reader.nothing  # noqa: B018
        with pytest.raises(TypeError):
            reader.read("x")
    with pytest.raises(OSError, match="Bad file descriptor"):
        FileObject(r)
    os.close(w)


# ---- regular files


def test_fileObject_regularFile_isReadAndWrittenByThreads(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with leak_check():
        with assert_switches(), FileObject(path, "w+b") as file:
            assert isinstance(file._io, FileObjectThread)
            assert file.write(b"one\ntwo\n") == 8
            file.seek(0)
            assert list(file) == [b"one\n", b"two\n"]
            assert file.tell() == 8
            file.truncate(3)
        with FileObject(path, "r", encoding="ascii") as file:
            assert file.read() == "one"
            with assert_no_switches():
                assert file.name
        with FileObject(os.open(path, os.O_RDONLY)) as file:
            assert file.readlines() == [b"one"]
        with path.open("rb") as plain, FileObject(plain, close=False) as file, assert_switches():
            assert file.read() == b"one"


def test_fileObjectThread_manyGreenlets_eachCallIsWhole(tmp_path: Path) -> None:
    with FileObject(tmp_path / "file", "wb", 0) as file:
        threads = [guv.spawn(file.write, bytes([65 + n]) * 1000) for n in range(10)]
        for thread in threads:
            thread.wait()
    data = (tmp_path / "file").read_bytes()
    assert [data[i : i + 1000] for i in range(0, 10_000, 1000)] == [bytes([65 + n]) * 1000 for n in range(10)]


def test_fileObjectThread_callerKilled_nextCallWaitsForItsThread(tmp_path: Path) -> None:
    with FileObject(tmp_path / "file", "wb") as file:
        for n in range(30):
            thread = guv.spawn(file.write, b"%d\n" % n)
            guv.gyield()
            thread.kill()
        file.write(b"end\n")
    assert (tmp_path / "file").read_bytes().endswith(b"end\n")


def test_fileObject_path_failuresAreThoseOfOpen(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileObject(tmp_path / "nosuch")
    with pytest.raises(ValueError, match="close=False"):
        FileObject(tmp_path / "file", "wb", close=False)
    with pytest.raises(io.UnsupportedOperation, match="not made by itself"):
        FileObject.__init__(object.__new__(FileObject), 0)
    with FileObject(tmp_path / "file", "xb") as file:
        file.write(b"x")
    with FileObject(str(tmp_path / "file"), "ab") as file:
        file.write(b"y")
    assert (tmp_path / "file").read_bytes() == b"xy"
    assert file.closed
    with pytest.raises(ValueError, match="closed"):
        file.write(b"z")


def test_fileObject_namedPipe_opensWithoutBlockingTheOthers(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    opening = waiting(FileObject, path)
    writer = FileObject(path, "wb")
    reader = opening.wait()
    got = waiting(reader.read)
    writer.write(b"through")
    writer.close()
    assert got.wait() == b"through"
    assert isinstance(reader._io, FileObjectPosix)
    reader.close()


# ---- SocketAdapter and set_nonblocking


def test_socketAdapter_pipe_sendsAndReceives() -> None:
    with leak_check():
        r, w = os.pipe()
        with SocketAdapter(r, "rb") as reader, SocketAdapter(w, "wb") as writer:
            got = waiting(reader.recv, 10)
            writer.sendall(b"abc")
            assert got.wait() == b"abc"
            buffer = bytearray(5)
            assert writer.send(b"de") == 2
            assert reader.recv_into(buffer) == 2
            assert bytes(buffer) == b"de\0\0\0"
            sending = waiting(writer.sendall, bytes(200_000))
            received = 0
            while received < 200_000:
                received += len(reader.recv(65536))
            sending.wait()
            with reader.makefile() as file:
                writer.sendall(b"line\n")
                assert file.readline() == b"line\n"
            assert reader.fileno() == r
            writer.close()
            assert reader.recv(1) == b""


def test_socketAdapter_closedWhileAnotherWaits_wakesItWithEbadf() -> None:
    r, w = os.pipe()
    adapter = SocketAdapter(r)
    thread = waiting(adapter.recv, 1)
    adapter.close()
    adapter.close()
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        thread.wait()
    assert caught.value.errno == errno.EBADF
    for call in (adapter.fileno, lambda: adapter.recv(1), lambda: adapter.send(b""), adapter.makefile, adapter.detach):
        with pytest.raises(FileObjectClosed):
            call()
    os.close(w)


def test_socketAdapter_wrongUse_isRefused() -> None:
    r, w = os.pipe()
    with SocketAdapter(r, "rb") as reader, SocketAdapter(w, "wb") as writer:
        with pytest.raises(ValueError, match="can't be used for 'wb'"):
            reader.send(b"x")
        with pytest.raises(ValueError, match="can't be used for 'rb'"):
            writer.recv(1)
    for wrong in (-1, "3", None):
        with pytest.raises(TypeError, match="open descriptor"):
            SocketAdapter(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mode must be"):
        SocketAdapter(0, "r+")
    r, w = os.pipe()
    kept = SocketAdapter(r, close=False)
    kept.close()
    assert SocketAdapter(r).detach() == r
    os.close(r)
    os.close(w)


def test_setNonblocking_saysWhetherItChangedSomething() -> None:
    r, w = os.pipe()
    assert set_nonblocking(r)
    assert not set_nonblocking(r)
    assert not os.get_blocking(r)
    with FileObject(r) as reader, FileObject(w, "wb", 0) as writer:
        assert set_nonblocking(writer)
        writer.write(b"x")
        assert reader.read(1) == b"x"
    with pytest.raises(OSError, match="Bad file descriptor"):
        set_nonblocking(r)
