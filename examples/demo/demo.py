"""The main job: an unmodified threaded server and an unmodified crawler, in one process under
``python -m guv``, sharing one thread; then the same program with one worker, without guv.

    python examples/demo/demo.py
"""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BOTH = os.path.join(HERE, "both.py")


def run(*command):
    done = subprocess.run([sys.executable, *command], stdout=subprocess.PIPE, check=True, text=True, timeout=300)
    return json.loads(done.stdout)


def main():
    print("An ordinary threaded HTTP server and an ordinary crawler, in one process ...")
    green = run("-m", "guv", BOTH, "200")
    print(f"  python -m guv both.py 200   {green['requests']} requests in {green['seconds']:.2f} s;")
    print(f"      up to {green['threads']} threads of the program at a time, all greenlets;")
    print(f"      threads of the operating system that ran them: {green['native']}")
    serial = run(BOTH, "1")
    print(
        f"  python both.py 1            {serial['requests']} requests in {serial['seconds']:.2f} s, one after the other"
    )
    print(f"guv was {serial['seconds'] / green['seconds']:.1f} times as fast.")
    if green["requests"] != serial["requests"] or green["native"] != 1:
        sys.exit("something is wrong: pages are missing, or more than one thread was used")


if __name__ == "__main__":
    main()
