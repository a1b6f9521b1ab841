"""Signal handlers beside a hub: prompt in every state, and never inside guv's own code.

Python runs a handler between two bytecodes of whatever greenlet is current. That may be the hub,
a greenlet that has nothing to do with the main program, or main in the middle of guv's own
book-keeping. So each handler is wrapped, and the wrapper decides by where it lands:

- the main greenlet, in code that is not guv's: the handler runs there, as without guv;
- another greenlet, in code that is not guv's: it runs at once, but what it raises is raised in the
  main greenlet. If it waits for something, the interrupted greenlet goes on meanwhile;
- guv's code or the hub: the handler is put off until that is over. The hub runs it at its next
  turn in a greenlet of its own, or it runs when the code around guv is reached, whichever is first.

The main thread's hub watches a wakeup pipe (`signal.set_wakeup_fd`), so that a signal ends its wait
even if it comes just before. What is read from it goes on to the program's own wakeup descriptor.

Putting off is done by tripping the signal once more. The pipe tells those trips from real signals:
each trip writes one byte, and the artificial ones are counted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from greenlet import getcurrent, greenlet

from .._originals import (
    getsignal,
    interrupt_main,
    os_close,
    os_read,
    os_write,
    set_signal,
    set_wakeup_fd,
    valid_signals,
)
from ..const import READ
from .abc import AbstractHub
from .descriptor import OwnDescriptor, is_still, set_aside
from .listener import AbstractListener
from .switch import unpark

_PACKAGE = __name__.partition(".")[0]
_PREFIX = _PACKAGE + "."

#: What the main thread's hub has; None while there is no such hub.
_plumbing: Plumbing | None = None


#: What becomes of a handler that is due: it has been seen to, it runs when guv's code is over, or now: in the greenlet
#: that is current or beside it.
_NOTHING, _PUT_OFF, _HERE, _BESIDE = range(4)


class Handler:
    """What stands in the interpreter's table in place of the program's handler."""

    __slots__ = ("program",)

    def __init__(self, program: Callable[[int, FrameType | None], object]) -> None:
        self.program = program

    def __repr__(self) -> str:
        return repr(self.program)

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        plumbing = _plumbing
        if plumbing is None:
            self.program(signum, frame)
        elif plumbing.deciding:
            plumbing.missed.append(signum)
        else:
            # What comes back trips the signal when this frame, the last one that is ours, is
            # cleared. Any earlier, and the handler would be called again in here, for ever.
            again = plumbing.arrived(signum, frame)  # noqa: F841


class HandlerGreenlet(greenlet):
    """Runs a handler beside the greenlet that it interrupted, in the name of the main greenlet.

    It has the identifier, the thread-local data and the running asyncio loop of that one, as a handler has without guv.
    """

    def __init__(self, plumbing: Plumbing, parent: greenlet, signum: int, frame: FrameType | None) -> None:
        super().__init__(None, parent)
        self.plumbing = plumbing
        self.hub = plumbing.hub
        self.signum = signum
        self.frame = frame
        self.error: BaseException | None = None  # type: ignore[assignment]
        main = plumbing.hub.main
        self.thread_ident = getattr(main, "thread_ident", plumbing.hub.thread)
        if getcurrent() is not main:
            self.gr_context = main.gr_context

    def run(self) -> None:
        plumbing = self.plumbing
        try:
            plumbing.handle(self.signum, self.frame)
        except BaseException as error:
            if self.parent is self.hub:
                self.hub.throw_main(error)
            else:
                self.error = error  # the interrupted greenlet sees to it


def acts_for(g: greenlet) -> greenlet:
    """The greenlet in whose name `g` runs: itself, or the main one for that of a signal handler."""
    return g.hub.main if type(g) is HandlerGreenlet else g


class Plumbing:
    """The wakeup pipe of the main thread's hub, and the signals that were put off."""

    def __init__(self, hub: AbstractHub) -> None:
        self.hub = hub
        self.pending: dict[int, FrameType | None] = {}  # put off: signal -> where it landed
        self.real: set[int] = set()  # signals read from the pipe, their handler is due
        self.echoes: set[int] = set()  # signals tripped by us, their handler is due
        self.trips: dict[int, int] = {}  # bytes in the pipe that are ours
        self.deciding = False  # `arrived` is looking at a signal
        self.missed: list[int] = []  # those that came meanwhile
        self.pausing: list[greenlet] = []  # greenlets in signal.pause()
        self.delivered = 0  # handlers that have run
        self.turning = {function.__code__ for function in (type(hub).exchange, AbstractHub.poll, AbstractHub.wait)}
        self.program_fd = -1  # the program's own wakeup descriptor
        self.program_warns = True
        self.open()

    def open(self) -> None:
        """Make the pipe and have the interpreter write to it."""
        hub = self.hub
        self.out, self.into = map(set_aside, os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK))
        self.name = os.readlink(f"/proc/self/fd/{self.out}")
        try:
            self.program_fd = set_wakeup_fd(self.into, warn_on_full_buffer=False)
        except BaseException:
            os_close(self.out)
            os_close(self.into)
            raise
        hub.fds[self.out] = record = OwnDescriptor(self.out)
        record.hub = hub
        self.own: list[AbstractListener] = [
            hub.add(READ, self.out, self.read_pipe, self.lost),
            hub.keep(self.into, self.lost),
        ]

    def lost(self, error: BaseException | None = None) -> None:
        """The program has closed the pipe, as a daemon does that closes all descriptors: make another.

        What it held is lost with it, but the handlers run without: the interpreter knows that they are due.
        """
        if self.out < 0:
            return
        program = self.program_fd, self.program_warns
        old, name = (self.out, self.into), self.name
        for listener in self.own:
            self.hub.disown(listener)
        self.trips.clear()
        self.open()
        if self.program_fd == old[1]:  # what the interpreter had was ours
            self.program_fd, self.program_warns = program
        for fd in old:
            if is_still(fd, name):
                os_close(fd)

    def retake(self) -> int:
        """Have the interpreter write to the pipe again; returns what code that knows the real `set_wakeup_fd` has
        put in its place, -1 if nothing."""
        if not is_still(self.into, self.name):
            self.lost()
        found: int = set_wakeup_fd(self.into, warn_on_full_buffer=False)
        return -1 if found == self.into else found

    def arrived(self, signum: int, frame: FrameType | None) -> object:
        """A handler is due. Called between two bytecodes of any code of the main thread.

        Returns what will trip signals again whose handlers have to be put off.

        While one decision is under way, others only note that they are due: put off inside of each other, they would be
        called again at each step of those around them, and two fast timers would nest until the stack is full.
        """
        again: list[object] = []
        self.deciding = True
        try:
            verdict = self._decide(signum, frame)
            if verdict == _PUT_OFF:
                again.append(self._again(signum))
            while self.missed:
                again.append(self._again(self.missed.pop()))
        finally:
            self.deciding = False
        if verdict == _HERE:
            again.clear()
            self.handle(signum, frame)
        elif verdict == _BESIDE:
            again.clear()
            self._handle_beside(getcurrent(), signum, frame)
        return again

    def _decide(self, signum: int, frame: FrameType | None) -> int:
        """What to do about a handler that is due."""
        self.read_pipe()
        if signum in self.real:
            self.real.discard(signum)
        elif signum in self.echoes and signum not in self.pending:
            self.echoes.discard(signum)  # it has been handled meanwhile
            return _NOTHING
        self.echoes.discard(signum)
        current = getcurrent()
        hub = self.hub
        if current is hub or (frame is not None and is_ours(frame)):
            if signum not in self.pending:
                self.pending[signum] = frame
                hub.calls.append(partial(self.handle_in_hub, signum))
            if self._in_turn(frame):
                hub.wake()
                return _NOTHING
            return _PUT_OFF
        self.pending.pop(signum, None)
        return _HERE if belongs_to_main(current, hub) else _BESIDE

    def _again(self, signum: int) -> object:
        """What will trip `signum` once more when it is dropped."""
        self.echoes.add(signum)
        self.trips[signum] = self.trips.get(signum, 0) + 1
        return _trip(signum)

    def _in_turn(self, frame: FrameType | None) -> bool:
        """Whether the hub is asking its loop, after which it comes to `calls` by itself."""
        for _ in range(4):
            if frame is None:
                break
            if frame.f_code in self.turning:
                return True
            frame = frame.f_back
        return False

    def handle(self, signum: int, frame: FrameType | None) -> None:
        """Call the program's handler of this moment."""
        handler = getsignal(signum)
        try:
            if isinstance(handler, Handler):
                handler.program(signum, frame)
        finally:
            self.delivered += 1
            pausing, self.pausing = self.pausing, []
            self.hub.ready.extend(pausing)

    def handle_in_hub(self, signum: int) -> None:
        """The next turn has come to a handler that was put off."""
        if signum in self.pending:
            frame = self.pending.pop(signum)
            HandlerGreenlet(self, self.hub, signum, frame).switch()

    def _handle_beside(self, current: greenlet, signum: int, frame: FrameType | None) -> None:
        hub = self.hub
        beside = HandlerGreenlet(self, current, signum, frame)
        hub.ready.append(current)  # in case the handler waits for something
        try:
            beside.switch()
        finally:
            if not beside.dead:
                beside.parent = hub
            unpark(hub, current)
        if beside.error is not None:
            hub.ready.append(current)
            hub.main.throw(beside.error)

    def read_pipe(self) -> None:
        """Take what the pipe holds; the program's share goes on to its own descriptor."""
        if not is_still(self.out, self.name):
            self.lost()
        try:
            arrived = os_read(self.out, 4096)
        except OSError:  # empty
            return
        for signum in arrived:
            ours = self.trips.get(signum, 0)
            if ours:
                self.trips[signum] = ours - 1
            else:
                self.real.add(signum)
                if self.program_fd >= 0:
                    self._pass_on(signum)

    def _pass_on(self, signum: int) -> None:
        try:
            os_write(self.program_fd, bytes((signum,)))
        except BlockingIOError as error:
            if self.program_warns:
                _report(error)
        except OSError as error:
            _report(error)

    def close(self, pipe_too: bool = True) -> None:
        """Give the program's wakeup descriptor back to the interpreter."""
        try:
            set_wakeup_fd(self.program_fd, warn_on_full_buffer=self.program_warns)
        except (ValueError, OSError):  # not the main thread, or that descriptor is closed
            _reset_wakeup_fd()
        self.hub.forget(self.out)
        for listener in self.own:
            self.hub.disown(listener)
        if pipe_too:
            os_close(self.out)
            os_close(self.into)
        self.out = self.into = -1


_trips: dict[int, type] = {}


def _trip(signum: int) -> object:
    """An object that trips `signum` when it is dropped, without running a line of Python."""
    kind = _trips.get(signum)
    if kind is None:
        # not a method: from 3.14 on a partial would be one, and 3.13 warns of that
        drop = staticmethod(partial(interrupt_main, signum))  # type: ignore[arg-type]
        kind = _trips[signum] = type("Trip", (), {"__slots__": (), "__del__": drop})
    made: object = kind()
    return made


def is_ours(frame: FrameType) -> bool:
    """Whether `frame` runs code of guv."""
    name = frame.f_globals.get("__name__")
    return isinstance(name, str) and (name == _PACKAGE or name.startswith(_PREFIX))


def belongs_to_main(current: greenlet | None, hub: AbstractHub) -> bool:
    """Whether what `current` raises comes out in the main greenlet by itself."""
    while current is not None and current is not hub:
        if current is hub.main:
            return True
        current = current.parent
    return False


def wrap(handler: object) -> Any:
    """`handler` as it goes into the interpreter's table."""
    return Handler(handler) if callable(handler) and not isinstance(handler, Handler) else handler


def unwrap(handler: Any) -> Any:
    """The program's own handler, as it gave it."""
    return handler.program if isinstance(handler, Handler) else handler


def plumbing() -> Plumbing | None:
    """That of the main thread's hub, if there is one."""
    return _plumbing


def install(hub: AbstractHub) -> None:
    """Connect a new hub with the signals if it is the main thread's; otherwise nothing."""
    global _plumbing
    try:
        _plumbing = Plumbing(hub)
    except ValueError:  # set_wakeup_fd(): not the main thread
        return
    for signum in valid_signals():
        handler = getsignal(signum)
        if callable(handler) and not isinstance(handler, Handler):
            set_signal(signum, Handler(handler))


def uninstall(hub: AbstractHub) -> None:
    """Undo `install`, before the hub is closed."""
    global _plumbing
    installed = _plumbing
    if installed is not None and installed.hub is hub:
        _plumbing = None
        installed.close()


def after_fork() -> None:
    """In a forked child: the pipe is the parent's too, the program's descriptor is in force."""
    global _plumbing
    installed = _plumbing
    if installed is not None:
        _plumbing = None
        name = installed.name
        installed.close(is_still(installed.out, name) and is_still(installed.into, name))


def _reset_wakeup_fd() -> None:
    try:
        set_wakeup_fd(-1)
    except ValueError:
        pass


def _report(error: OSError) -> None:
    print("Exception ignored when trying to write to the signal wakeup fd:", file=sys.stderr)
    sys.excepthook(type(error), error, error.__traceback__)
