"""Programs that stop their own clock, as freezegun does: by exchanging the functions of `time` in every module."""

from __future__ import annotations

from collections.abc import Callable

Script = Callable[..., str]


def test_sleeps_and_timeouts_end_while_the_clock_stands_still(script: Script) -> None:
    out = script("""
        import guv
        guv.monkey_patch()
        import queue, select, socket, sys, threading, time
        real = {getattr(time, name): lambda: 0 for name in ("monotonic", "monotonic_ns", "time", "perf_counter_ns")}
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in ("guv", "time"):
                for key, value in list(vars(module).items()):
                    try:
                        if value in real:
                            setattr(module, key, real[value])
                    except TypeError:
                        pass
        assert time.monotonic() == 0
        time.sleep(0.01)
        guv.sleep(0.01)
        left, right = socket.socketpair()
        left.settimeout(0.01)
        try:
            left.recv(1)
        except TimeoutError:
            print("timed out", select.select([left], [], [], 0.01)[0], threading.Lock().acquire(timeout=0.01))
    """)
    assert out == "timed out [] True\n"
