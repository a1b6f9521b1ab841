"""Ask three mirrors at once and take the first answer; give up after a second; leave nothing running.

python examples/task_group.py
"""

import guv
from guv import TaskGroup, Timeout


def ask(mirror, seconds, group, answers):
    """A request, which here only takes time."""
    guv.sleep(seconds)
    answers.append(mirror)
    group.cancel()  # the others are not needed any more


def first_answer(mirrors):
    answers = []
    with TaskGroup() as group:
        for mirror, seconds in mirrors.items():
            group.spawn(ask, mirror, seconds, group, answers)
    return answers[0]  # the group has ended: nobody asks any longer


def save(log):
    with guv.shield():  # a cancellation waits until this is done
        log.append("begin")
        guv.sleep(0.02)
        log.append("commit")


def fail():
    guv.sleep(0.005)
    raise OSError("disk full")


if __name__ == "__main__":
    print("first:", first_answer({"slow": 60, "fast": 0.01, "never": 3600}))

    with Timeout(0.01, False), TaskGroup() as group:
        group.spawn(guv.sleep, 60)
    print("gave up")

    log = []
    try:
        with TaskGroup() as group:
            group.spawn(save, log)
            group.spawn(fail)
            guv.sleep(60)
    except OSError as error:
        print(f"{error}: {', '.join(log)}")
