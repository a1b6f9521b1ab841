"""Threads that look in a loop instead of waiting let those run that they wait for."""

from __future__ import annotations

import concurrent.futures
import fcntl
import multiprocessing
import os
import queue
import socket
import subprocess
import sys
import threading
import time

import pytest


def later(task, act):
    """Call `act` in another thread, which first waits for a moment."""

    def run():
        time.sleep(0.01)
        act()

    return task(run)


def test_loop_over_the_flag_of_an_event_ends_when_it_is_set(task):
    event = threading.Event()
    setting = later(task, event.set)
    while not event.is_set():
        pass
    setting.result()


def test_loop_that_works_while_an_event_is_set_ends_when_it_is_cleared(task):
    running = threading.Event()
    running.set()
    clearing = later(task, running.clear)
    while running.is_set():
        pass
    clearing.result()


@pytest.mark.parametrize("look", [lambda event: event.wait(0), lambda event: event.wait(-1)])
def test_wait_for_an_event_without_patience_in_a_loop_lets_others_set_it(task, look):
    event = threading.Event()
    setting = later(task, event.set)
    while not look(event):
        pass
    setting.result()


@pytest.mark.parametrize("look", [lambda thread: None, lambda thread: thread.join(0)])
def test_loop_over_a_living_thread_ends_with_it(look):
    thread = threading.Thread(target=time.sleep, args=(0.01,))
    thread.start()
    while thread.is_alive():
        look(thread)


@pytest.mark.parametrize("look", [lambda: threading.active_count(), lambda: len(threading.enumerate())])
def test_loop_over_the_number_of_threads_ends_with_them(look):
    before = look()
    thread = threading.Thread(target=time.sleep, args=(0.01,))
    thread.start()
    while look() > before:
        pass
    thread.join()


@pytest.mark.parametrize("goes_on", [lambda future: not future.done(), lambda future: future.running()])
def test_loop_over_a_future_ends_when_it_is_done(goes_on):
    started = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        future = executor.submit(lambda: started.set() or time.sleep(0.01))
        started.wait()
        while goes_on(future):
            pass
        assert future.result() is None


@pytest.mark.parametrize("kind", [threading.Lock, threading.Semaphore, multiprocessing.Lock, multiprocessing.Semaphore])
@pytest.mark.parametrize("how", [{"timeout": 0}, None])
def test_lock_that_is_tried_all_the_time_can_be_released(task, kind, how):
    lock = kind()
    lock.acquire()
    releasing = later(task, lock.release)
    while not (lock.acquire(False) if how is None else lock.acquire(**how)):
        pass
    releasing.result()


def test_rlock_that_is_tried_all_the_time_can_be_released(task):
    lock = threading.RLock()
    held = threading.Event()

    def hold():
        with lock:
            held.set()
            time.sleep(0.01)

    holding = task(hold)
    held.wait()
    while not lock.acquire(False):
        pass
    lock.release()
    holding.result()


def test_loop_over_a_locked_lock_ends_when_it_is_released(task):
    lock = threading.Lock()
    lock.acquire()
    releasing = later(task, lock.release)
    while lock.locked():
        pass
    releasing.result()


def put(full):
    try:
        full.put_nowait(2)
    except queue.Full:
        return False
    return True


@pytest.mark.parametrize("look", [put, lambda full: not full.full()])
def test_loop_over_a_full_queue_ends_when_something_is_taken(task, look):
    full = queue.Queue(1)
    full.put(1)
    taking = later(task, full.get)
    while not look(full):
        pass
    taking.result()


def test_loop_over_a_shared_value_sees_it_changed(task):
    value = multiprocessing.Value("i", 0)

    def change():
        value.value = 1

    changing = later(task, change)
    while not value.value:
        pass
    changing.result()


def as_popen(child):
    return child.poll() is None


def as_pid(child):
    pid, status = os.waitpid(child.pid, os.WNOHANG)
    if pid:
        child.returncode = os.waitstatus_to_exitcode(status)
    return not pid


def as_state(child):
    return os.waitid(os.P_PID, child.pid, os.WNOHANG | os.WEXITED | os.WNOWAIT) is None


@pytest.mark.parametrize("look", [as_popen, as_pid, as_state])
def test_child_that_is_asked_all_the_time_whether_it_runs_can_be_ended(task, look):
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        ending = later(task, child.stdin.close)
        while look(child):
            pass
        ending.result()


def receive(sock):
    return sock.recv(1)


def receive_into(sock):
    return sock.recv_into(bytearray(1))


def receive_now(sock):
    sock.setblocking(True)
    return sock.recv(1, socket.MSG_DONTWAIT)


def receive_from(sock):
    return sock.recvfrom(1)


def read(sock):
    return os.read(sock.fileno(), 1)


@pytest.mark.parametrize("look", [receive, receive_into, receive_now, receive_from, read])
def test_socket_that_is_read_without_waiting_in_a_loop_can_be_written_to(task, look):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        sending = later(task, lambda: theirs.send(b"x"))
        while True:
            try:
                assert look(ours)
                break
            except BlockingIOError:
                pass
        sending.result()


def test_accept_without_waiting_in_a_loop_lets_others_connect(task):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        connecting = later(task, lambda: socket.create_connection(server.getsockname()).close())
        while True:
            try:
                server.accept()[0].close()
                break
            except BlockingIOError:
                pass
        connecting.result()


@pytest.mark.parametrize("read", [lambda sock: sock.recv(1), lambda sock: sock.recv_into(bytearray(1))])
def test_socket_that_always_has_something_to_read_lets_others_run(task, read):
    ours, theirs = socket.socketpair()
    done = []
    with ours, theirs:
        ending = later(task, lambda: done.append(True))
        while not done:
            theirs.send(b"x")
            read(ours)
        ending.result()


def test_pipe_that_always_has_something_to_read_lets_others_run(task):
    reader, writer = os.pipe()
    done = []
    try:
        ending = later(task, lambda: done.append(True))
        while not done:
            os.write(writer, b"x")
            os.read(reader, 1)
        ending.result()
    finally:
        os.close(reader)
        os.close(writer)


def test_file_lock_that_is_tried_all_the_time_can_be_released(task, tmp_path):
    with open(tmp_path / "lock", "w") as ours, open(tmp_path / "lock", "w") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        releasing = later(task, lambda: fcntl.flock(theirs, fcntl.LOCK_UN))
        while True:
            try:
                fcntl.flock(ours, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pass
        releasing.result()
