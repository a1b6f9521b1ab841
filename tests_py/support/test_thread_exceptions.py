"""`PyThreadState_SetAsyncExc`, by which libraries stop a thread from outside: it finds threads that are greenlets."""

from __future__ import annotations

from collections.abc import Callable

Program = Callable[..., str]

STOP = """
import ctypes, time

class Stop(Exception):
    pass

def stop(ident, error=Stop):
    return ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(error))

seen = []
def wait_for_ever():
    try:
        threading.Event().wait()
    except Stop:
        seen.append("stopped")
"""


def test_a_waiting_thread_is_stopped(program: Program) -> None:
    out = program(
        STOP
        + """
thread = threading.Thread(target=wait_for_ever)
thread.start()
print(stop(thread.ident))
thread.join()
print(seen, stop(thread.ident))
"""
    )
    assert out == "1\n['stopped'] 0\n"


def test_a_greenlet_and_the_main_thread_and_the_caller_are_stopped(program: Program) -> None:
    out = program(
        STOP
        + """
idents = []
def green():
    idents.append(threading.get_ident())
    wait_for_ever()
g = guv.spawn(green)
guv.sleep(0)
print(stop(idents[0]))
g.wait()
after_a_turn(stop, threading.main_thread().ident)
wait_for_ever()

def itself():
    try:
        stop(threading.get_ident())
        for _ in range(100000):
            pass
    except Stop:
        seen.append("itself")
thread = threading.Thread(target=itself)
thread.start()
thread.join()
print(seen)
"""
    )
    assert out == "1\n['stopped', 'stopped', 'itself']\n"


def test_an_exception_may_be_taken_back_and_is_raised_once(program: Program) -> None:
    out = program(
        STOP
        + """
def count():
    for _ in range(5):
        try:
            time.sleep(0.01)
        except Stop:
            seen.append("stopped")
thread = threading.Thread(target=count)
thread.start()
stop(thread.ident)
print(ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), None))
time.sleep(0.01)
stop(thread.ident)
stop(thread.ident)
thread.join()
print(seen)
"""
    )
    assert out == "1\n['stopped']\n"


def test_native_threads_and_those_of_another_hub_are_stopped(program: Program) -> None:
    out = program(
        STOP
        + """
from guv.patcher import original
native = original("threading")
def spin():
    try:
        while True:
            original("time").sleep(0.001)
    except Stop:
        seen.append("native")
thread = native.Thread(target=spin)
thread.start()
print(stop(thread.ident))
thread.join()

begun = original("queue").Queue()
def other():
    green = guv.spawn(lambda: (begun.put(threading.get_ident()), wait_for_ever()))
    green.wait()
thread = native.Thread(target=other)
thread.start()
print(stop(begun.get()))
thread.join()
print(seen)
"""
    )
    assert out == "1\n1\n['native', 'stopped']\n"
