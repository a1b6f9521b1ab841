"""Find the greenlet that keeps all others waiting, and see who waits for what.

    python examples/blocked.py

Neither needs a change to a program: ``GUV_BLOCKED_MS=200 python -m guv program.py`` reports what blocks it.
"""

import os
import threading

import guv
import guv.debug

guv.monkey_patch()

stop = []


def report(block):
    """Called in a native thread, while the hub is blocked: it may print, count, or tell a monitor."""
    late = block.seconds >= 0.05
    print(f"blocked for 50 ms or more: {late}, by {block.name} in {block.function}: {block.stack[-1].line}", flush=True)
    stop.append(True)


def busy():
    while not stop:  # computes in pure Python, and never yields
        pass


def main():
    guv.debug.hub_blocking_detection(True, resolution=0.05, report=report)
    thread = threading.Thread(target=busy, name="cruncher")
    thread.start()
    thread.join()
    guv.debug.hub_blocking_detection(False)

    event = threading.Event()
    threading.Thread(target=event.wait, name="waits for the event").start()
    reader, _ = os.pipe()
    guv.spawn(guv.trampoline, reader, 1).name = "waits for the pipe"
    guv.sleep(0.01)
    for state in sorted(guv.debug.greenlet_stacks(), key=lambda state: state.name):
        print(f"{state.name}: {state.waits_for.split(' at ')[0]}")
    print("on descriptors:", guv.debug.format_hub_listeners().partition(":")[2].strip())
    event.set()


if __name__ == "__main__":
    main()
