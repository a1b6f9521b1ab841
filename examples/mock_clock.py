"""Test a program's timeouts and retries without waiting for them.

    python examples/mock_clock.py            the tests below, called one after the other
    pytest -p guv.testing examples/mock_clock.py

While a `MockClock` is in force the time stands still, and jumps to the next deadline when everybody waits.
"""

import time

import guv
from guv.testing import MockClock, assert_no_switches, leak_check, wait_all_blocked


def retry(call, attempts=5, pause=60):
    """Call `call` until it succeeds, with longer and longer pauses."""
    for attempt in range(attempts):
        try:
            return call()
        except OSError:
            guv.sleep(pause * 2**attempt)  # time.sleep, in a program that is patched
    raise TimeoutError(f"gave up after {attempts} attempts")


class Flaky:
    """Fails some times before it works."""

    def __init__(self, failures):
        self.failures = failures
        self.called_at = []

    def __call__(self):
        self.called_at.append(time.monotonic())
        if len(self.called_at) <= self.failures:
            raise ConnectionRefusedError
        return "connected"


def test_retry_waits_longer_each_time():
    with MockClock() as clock:
        service = Flaky(failures=3)
        assert retry(service) == "connected"
        assert clock.time() == 60 + 120 + 240


def test_retry_gives_up_within_the_time_allowed():
    with MockClock() as clock, guv.Timeout(100, False):
        retry(Flaky(failures=99))
    assert clock.time() == 100


def test_steps_between_the_jumps_can_be_looked_at():
    with leak_check(), MockClock(autojump_threshold=float("inf")) as clock:
        service = Flaky(failures=1)
        caller = guv.spawn(retry, service)
        wait_all_blocked()
        assert len(service.called_at) == 1
        clock.jump(59)
        wait_all_blocked()
        assert len(service.called_at) == 1
        clock.jump(1)
        with assert_no_switches():
            assert not caller.dead
        assert caller.wait() == "connected"


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print("passed:", name)
