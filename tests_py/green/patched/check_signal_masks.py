"""Signal masks of threads that are greenlets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from multiprocessing import reduction, resource_sharer

import pytest

from conftest import only_patched

USR2 = signal.SIGUSR2
SHOW = "import signal; print(sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))))"


def mask(how=signal.SIG_BLOCK, signals=()):
    return signal.pthread_sigmask(how, signals)


def in_thread(function):
    """What `function` returns in another thread."""
    result = []
    thread = threading.Thread(target=lambda: result.append(function()))
    thread.start()
    thread.join()
    return result[0]


@pytest.fixture(autouse=True)
def nothing_blocked():
    before = mask(signal.SIG_SETMASK)
    yield
    assert mask() == set()
    mask(signal.SIG_SETMASK, before)


def test_mask_of_a_thread_is_its_own():
    def thread():
        steps = [
            mask(signal.SIG_BLOCK, [USR2, signal.SIGINT, signal.SIGKILL]),
            mask(signal.SIG_UNBLOCK, [signal.SIGINT]),
        ]
        return [*steps, mask(signal.SIG_SETMASK), mask()]

    assert in_thread(thread) == [set(), {USR2, signal.SIGINT}, {USR2}, set()]
    assert in_thread(mask) == set()


def test_thread_that_hands_out_descriptors_leaves_the_signals_to_main():
    into, out = os.pipe()
    try:
        reduction.DupFd(out)
        assert in_thread(mask) == set() == mask()
    finally:
        resource_sharer.stop()
        os.close(into)
        os.close(out)


def test_signal_unblocked_in_a_thread_is_handled():
    handled = threading.Event()
    before = signal.signal(USR2, lambda *args: handled.set())
    mask(signal.SIG_BLOCK, [USR2])
    os.kill(os.getpid(), USR2)

    def thread():
        inherited = mask(signal.SIG_UNBLOCK, [USR2])
        handled.wait(10)
        mask(signal.SIG_SETMASK, inherited)
        os.kill(os.getpid(), USR2)
        return inherited

    assert in_thread(thread) == {USR2}
    assert handled.is_set()
    assert signal.sigtimedwait([USR2], 5).si_signo == USR2
    mask(signal.SIG_UNBLOCK, [USR2])
    signal.signal(USR2, before)


@pytest.mark.parametrize("close_fds", [True, False])
def test_process_of_a_thread_inherits_its_mask(close_fds):
    def thread():
        mask(signal.SIG_BLOCK, [USR2])
        shown = subprocess.run([sys.executable, "-c", SHOW], stdout=subprocess.PIPE, close_fds=close_fds)
        return shown.stdout.decode().strip()

    assert in_thread(thread) == f"[{int(USR2)}]"


def test_forked_child_of_a_thread_has_its_mask():
    def thread():
        mask(signal.SIG_BLOCK, [USR2])
        pid = os.fork()
        if not pid:
            os._exit(len(mask()))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert in_thread(thread) == 1


@only_patched
def test_thread_waits_for_a_signal_that_it_alone_blocks():
    def thread():
        mask(signal.SIG_BLOCK, [USR2])
        threading.Timer(0.03, os.kill, (os.getpid(), USR2)).start()
        return signal.sigwait([USR2])

    assert in_thread(thread) == USR2


def test_wrong_arguments_raise_in_a_thread_as_in_main():
    for how, signals in (1000, []), (signal.SIG_BLOCK, [1000]), (signal.SIG_BLOCK, 5):

        def attempt(how=how, signals=signals):
            try:
                return mask(how, signals)
            except Exception as error:
                return type(error), str(error)

        assert in_thread(attempt) == attempt()
