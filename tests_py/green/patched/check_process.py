"""Children, pipes, terminals and file locks: what waits lets others run, and tells what it always told."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import pickle
import pty
import resource
import select
import signal
import subprocess
import sys
import threading
import time

import pytest

PYTHON = [sys.executable, "-S", "-E"]
BIG = os.urandom(1 << 10) * 512


@pytest.fixture
def pipe():
    read, write = os.pipe()
    yield read, write
    for fd in read, write:
        try:
            os.close(fd)
        except OSError:
            pass


@pytest.fixture
def sleeper():
    """A child that ends when its standard input does."""
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    yield child
    if child.returncode is None:
        child.kill()
        child.wait()
    child.stdin.close()


# ---- subprocess


def test_wait_returns_when_the_child_has_ended(sleeper, blocked):
    waiting = blocked(sleeper.wait), blocked(sleeper.wait, 30)
    sleeper.stdin.close()
    assert waiting[0].result() == waiting[1].result() == 0
    assert sleeper.poll() == sleeper.returncode == 0


def test_wait_gives_up_when_time_is_over(sleeper):
    assert sleeper.poll() is None
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        sleeper.wait(0.02)
    assert (caught.value.cmd, caught.value.timeout) == (["cat"], 0.02)
    sleeper.terminate()
    assert sleeper.wait() == -signal.SIGTERM


def test_communicate_feeds_and_reads_at_a_time():
    done = subprocess.run(["cat"], input=BIG, stdout=subprocess.PIPE, check=True)
    assert done.stdout == BIG
    done = subprocess.run(["tr", "a-z", "A-Z"], input="grün\n", capture_output=True, text=True, encoding="utf-8")
    assert (done.stdout, done.stderr, done.returncode) == ("GRüN\n", "", 0)


def test_run_kills_when_time_is_over():
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        subprocess.run(["sh", "-c", "echo early; exec sleep 60"], stdout=subprocess.PIPE, timeout=0.3)
    assert caught.value.stdout == b"early\n"


def test_many_children_run_at_once(task):
    running = [task(subprocess.check_output, ["sh", "-c", f"echo {i}; exit 0"]) for i in range(20)]
    assert [int(each.result()) for each in running] == list(range(20))


def test_failures_are_told_as_ever():
    with pytest.raises(FileNotFoundError) as caught:
        subprocess.Popen(["/nonexistent/program"])
    assert caught.value.filename == "/nonexistent/program"
    with pytest.raises(subprocess.CalledProcessError) as failed:
        subprocess.check_call(["false"])
    assert failed.value.returncode == 1
    with pytest.raises(subprocess.SubprocessError, match="preexec_fn"):
        subprocess.Popen(["true"], preexec_fn=lambda: 1 / 0)


def test_child_gets_descriptors_directory_and_environment(pipe, tmp_path):
    read, write = pipe
    code = f"import os; os.write({write}, (os.getcwd() + os.environ['NAME']).encode())"
    subprocess.run([*PYTHON, "-c", code], pass_fds=[write], cwd=tmp_path, env={"NAME": "x"}, check=True,
                   preexec_fn=os.setsid)  # fmt: skip
    assert os.read(read, 999).decode() == f"{tmp_path}x"


def test_pipe_of_a_child_is_read_line_by_line(blocked):
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as child:
        waiting = blocked(child.stdout.readline)
        child.stdin.write("one\n")
        assert waiting.result() == "one\n"
        child.stdin.close()
        assert child.stdout.read() == ""


# ---- os


@pytest.mark.parametrize("how", ["waitpid", "wait", "wait3", "wait4", "waitid", "pidfd", "group"])
def test_waiting_for_a_child_yields_and_tells_its_status(blocked, how):
    read, write = os.pipe()
    pid = os.posix_spawnp("sh", ["sh", "-c", "read line; exit 7"], os.environ,
                          file_actions=[(os.POSIX_SPAWN_DUP2, read, 0)],
                          **({"setpgroup": 0} if how == "group" else {}))  # fmt: skip
    os.close(read)
    if how == "waitid":
        waiting = blocked(os.waitid, os.P_PID, pid, os.WEXITED)
    elif how == "pidfd":
        fd = os.pidfd_open(pid)
        waiting = blocked(os.waitid, os.P_PIDFD, fd, os.WEXITED)
    else:
        waiting = blocked(*{
            "waitpid": (os.waitpid, pid, 0), "wait": (os.wait,), "wait3": (os.wait3, 0),
            "wait4": (os.wait4, pid, 0), "group": (os.waitpid, -pid, 0),
        }[how])  # fmt: skip
    assert how == "wait3" or how == "wait" or os.waitpid(pid, os.WNOHANG) == (0, 0)
    os.write(write, b"\n")
    os.close(write)
    result = waiting.result()
    if how in ("waitid", "pidfd"):
        assert (result.si_pid, result.si_status, result.si_code) == (pid, 7, os.CLD_EXITED)
    else:
        assert result[0] == pid and os.waitstatus_to_exitcode(result[1]) == 7
        assert len(result) == 2 or isinstance(result[2], resource.struct_rusage)
    if how == "pidfd":
        os.close(fd)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_stop_of_a_child_is_seen(blocked):
    pid = os.posix_spawnp("sleep", ["sleep", "60"], os.environ)
    waiting = blocked(os.waitpid, pid, os.WUNTRACED)
    os.kill(pid, signal.SIGSTOP)
    assert os.WIFSTOPPED(waiting.result()[1])
    os.kill(pid, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def test_system_and_popen_let_others_run(task, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    reading = task(os.system, f"read line < {tmp_path}/fifo; exit $line")
    time.sleep(0.02)
    assert reading.running
    assert os.waitstatus_to_exitcode(os.system(f"echo 3 > {tmp_path}/fifo")) == 3 - 3
    assert os.waitstatus_to_exitcode(reading.result()) == 3
    with os.popen("echo said; exit 2") as stream:
        assert stream.read() == "said\n"
        assert os.waitstatus_to_exitcode(stream.close()) == 2


def test_fork_leaves_a_child_of_its_own(pipe):
    read, write = pipe
    pid = os.fork()
    if not pid:
        time.sleep(0.001)
        os.write(write, b"child")
        os._exit(5)
    assert os.read(read, 9) == b"child"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5


# ---- pipes, FIFOs, terminals


def by_readv(fd):
    buffer = bytearray(5)
    assert os.readv(fd, [buffer]) == 5
    return buffer


def by_file(buffering):
    def read(fd):
        with os.fdopen(os.dup(fd), "rb", buffering) as file:
            return file.read(5)

    return read


def by_open(fd):
    with open(fd, "rb", closefd=False) as file:
        return file.read(5)


@pytest.mark.parametrize("read_five", [lambda fd: os.read(fd, 5), by_readv, by_file(0), by_file(-1), by_open])
def test_pipe_is_read_when_something_comes(pipe, blocked, read_five):
    read, write = pipe
    waiting = blocked(read_five, read)
    os.write(write, b"hello")
    assert waiting.result() == b"hello"


def test_pipe_is_written_when_there_is_room(pipe, blocked):
    read, write = pipe
    for call in lambda: os.write(write, BIG), lambda: os.writev(write, [BIG[:10], BIG[10:]]):
        waiting = blocked(call)
        got = b""
        while len(got) < len(BIG):
            got += os.read(read, 65536)
        assert got == BIG
        assert waiting.result() == len(BIG)


def test_pipe_that_does_not_block_says_so(pipe):
    read, write = pipe
    os.set_blocking(read, False)
    with pytest.raises(BlockingIOError):
        os.read(read, 1)
    with os.fdopen(os.dup(read), "rb", 0) as file:
        assert file.read(1) is None
    os.close(write)
    assert os.read(read, 1) == b""


def test_text_of_a_pipe_is_read_by_several(pipe, blocked):
    read, write = pipe
    with os.fdopen(os.dup(read)) as file:
        waiting = blocked(file.readline)
        os.write(write, b"one\ntwo\n")
        assert waiting.result() == "one\n"
        assert file.readline() == "two\n"


@pytest.mark.parametrize("name", [str, os.fsencode, lambda path: path])
def test_fifo_is_opened_by_name_and_read_when_something_comes(tmp_path, blocked, name):
    path = name(tmp_path / "fifo")
    os.mkfifo(path)
    opening = blocked(open, path)
    with open(path, "w") as writer, opening.result() as reader:
        assert reader.name == writer.name == os.fspath(path)
        waiting = blocked(reader.readline)
        writer.write("hello\n")
        writer.flush()
        assert waiting.result() == "hello\n"


def test_terminal_is_opened_by_name_and_read_when_a_line_is_there(blocked):
    master, slave = pty.openpty()
    with open(os.ttyname(slave), "rb") as file:
        waiting = blocked(file.readline)
        os.write(master, b"hello\n")
        assert waiting.result() == b"hello\n"
    os.close(master)
    os.close(slave)


def test_regular_files_and_devices_that_never_wait_are_opened_as_ever(tmp_path):
    with open(tmp_path / "new", "x+") as file, open(os.devnull, "rb") as null:
        assert type(file.buffer).__module__ == type(null).__module__ == "_io"
    for arguments, error, text in [
        ((tmp_path / "missing",), FileNotFoundError, "No such file"),
        ((1.5,), TypeError, "expected str, bytes or os.PathLike object"),
        ((os.devnull, 5), TypeError, "'mode' must be str"),
        ((os.devnull, "q"), ValueError, "invalid mode"),
    ]:
        with pytest.raises(error, match=text):
            open(*arguments)  # noqa: SIM115


def test_missing_encoding_is_warned_of_where_open_is_called(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        f"import io, os, sys; sys.path[:] = {sys.path}\nimport guv; guv.monkey_patch()\nopen(os.devnull).close()"
    )
    command = [sys.executable, "-X", "warn_default_encoding", "-W", "ignore", "-W", "always::EncodingWarning:__main__"]
    told = subprocess.run([*command, str(program)], capture_output=True, text=True)
    assert "program.py:3: EncodingWarning" in told.stderr


@pytest.mark.parametrize("function", [open, time.sleep, os.read, threading.Lock, threading.RLock])
def test_function_is_pickled_by_its_name(function):  # as multiprocessing does, for a manager in a fresh process
    pickled = pickle.dumps(function)
    assert pickle.loads(pickled) is function
    assert b"guv" not in pickled


def test_open_is_one_function():
    assert open is io.open


def test_fifo_is_opened_when_its_other_end_is(tmp_path, blocked):
    path = str(tmp_path / "fifo")
    os.mkfifo(path)
    opening = blocked(os.open, path, os.O_RDONLY)
    write = os.open(path, os.O_WRONLY)
    read = opening.result()
    os.write(write, b"x")
    assert os.read(read, 1) == b"x"
    os.close(read)
    os.close(write)


def test_terminal_is_read_line_by_line(blocked):
    main, other = pty.openpty()
    waiting = blocked(os.read, other, 99)
    os.write(main, b"typed\n")
    assert waiting.result() == b"typed\n"
    os.close(main)
    os.close(other)


def test_input_on_a_terminal_lets_others_run():
    code = """
import threading, time
def tick():
    while True:
        time.sleep(.01)
        ticks.append(1)
ticks = []
threading.Thread(target=tick, daemon=True).start()
line = input("say: ")
print(f"<{line}> {len(ticks) > 2}", flush=True)
"""
    launcher = ["-m", "guv"] if "guv.green.io" in sys.modules else []
    pid, fd = pty.fork()
    if not pid:
        os.execv(sys.executable, [sys.executable, *launcher, "-c", code])
    shown = b""
    while b"say: " not in shown:
        shown += os.read(fd, 999)
    time.sleep(0.2)
    os.write(fd, b"hello\n")
    while b">" not in shown or not shown.endswith(b"\n"):
        try:
            shown += os.read(fd, 999)
        except OSError as error:
            assert error.errno == errno.EIO
            break
    os.waitpid(pid, 0)
    os.close(fd)
    assert b"<hello> True" in shown, shown


def test_eventfd_and_splice_wait(pipe, blocked):
    fd = os.eventfd(0)
    waiting = blocked(os.eventfd_read, fd)
    os.eventfd_write(fd, 3)
    assert waiting.result() == 3
    os.close(fd)
    if hasattr(os, "splice"):
        read, write = pipe
        out, into = os.pipe()
        waiting = blocked(os.splice, read, into, 100)
        os.write(write, b"moved")
        assert waiting.result() == 5 and os.read(out, 9) == b"moved"
        os.close(out)
        os.close(into)


def test_descriptor_is_selected_beside_a_child(sleeper, pipe, task):
    read, _ = pipe
    fd = os.pidfd_open(sleeper.pid)
    selecting = task(select.select, [fd, read], [], [])
    sleeper.stdin.close()
    assert selecting.result()[0] == [fd]
    os.close(fd)


# ---- locks on files


@pytest.mark.parametrize("lock", [fcntl.flock, fcntl.lockf])
def test_lock_that_another_process_holds_is_waited_for(tmp_path, blocked, lock):
    path = tmp_path / "lock"
    code = (f"import fcntl, sys; f = open({str(path)!r}, 'w'); fcntl.{lock.__name__}(f, fcntl.LOCK_EX); print(flush=True);"
            "sys.stdin.read()")  # fmt: skip
    with subprocess.Popen([*PYTHON, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        with open(path, "w") as file:
            with pytest.raises(BlockingIOError):
                lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            waiting = blocked(lock, file, fcntl.LOCK_EX)
            holder.stdin.close()
            waiting.result()
            lock(file, fcntl.LOCK_UN)
