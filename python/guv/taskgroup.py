"""Structured concurrency: `TaskGroup`, whose greenthreads end before its block does, and `shield`.

A cancellation is an exception thrown once into a greenlet that waits, as `kill` and `Timeout` throw theirs. It reaches
the greenlet at its next wait, and travels outward through the blocks that it is in; each `TaskGroup` on its way cancels
its own greenthreads and waits for them before it lets the exception pass. So nothing outlives the block that started
it, whatever ends that: an error, a `Timeout` around it, or the end of the greenlet.

How this compares with trio's nurseries and `asyncio.TaskGroup` stands in ``docs/taskgroups.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Literal, ParamSpec, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

from ._originals import monotonic_ns
from .exceptions import Cancelled, WrongThreadError, exception_group
from .greenthread import GreenThread, spawn, throw
from .hubs.abc import SYSTEM_ERRORS, AbstractHub
from .hubs.timeout import Timeout
from .hubs.waiting import NOTHING, Note, current_and_hub, park, serve

P = ParamSpec("P")
T = TypeVar("T")


class TaskGroup:
    """Greenthreads that end before the block does.

    ::

        with guv.TaskGroup() as group:
            a = group.spawn(fetch, "a")
            b = group.spawn(fetch, "b")
        print(a.value, b.value)

    The end of the block yields until every greenthread of the group has ended. The first error, of one of them or of
    the block itself, cancels all others: `guv.exceptions.Cancelled` is raised in them and in the block. When all have
    ended, the error is raised; several are raised as one ExceptionGroup. A greenthread that is killed or ends by
    GreenletExit is no error.

    What comes from outside (a `Timeout` around the block, a `kill` of the greenlet that runs it, KeyboardInterrupt)
    cancels the group and then goes on as it came; errors that can't be raised beside it are reported.
    """

    def __init__(self) -> None:
        self._state: Literal["new", "open", "ending", "ended"] = "new"
        self._children: dict[GreenThread[Any], None] = {}  # in order of their spawn
        self._errors: list[BaseException] = []
        self._cancelled = False
        self._outside: BaseException | None = None
        self._note: Note | None = None  # of the block's greenlet, while it waits at the end
        self._shield: shield | None = None  # the one that the block began in
        self._parent: greenlet
        self._hub: AbstractHub

    def __repr__(self) -> str:
        state = ", cancelled" if self._cancelled else ""
        return f"<{type(self).__name__} {id(self):#x} {self._state}, {len(self._children)} running{state}>"

    def __len__(self) -> int:
        """How many of its greenthreads have not ended."""
        return len(self._children)

    def __bool__(self) -> bool:
        return True

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled: by `cancel`, an error, or from outside."""
        return self._cancelled

    def __enter__(self) -> TaskGroup:
        if self._state != "new":
            raise RuntimeError(f"{self!r} was entered before; make a new one for each block")
        self._parent, self._hub = current_and_hub()
        self._shield = getattr(self._parent, "shield", None)
        self._state = "open"
        return self

    def spawn(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> GreenThread[T]:
        """Run `func(*args, **kwargs)` in a greenthread of the group; the block, its greenthreads and anybody else in
        the same thread may call this until the block has ended. Never yields.

        In a group that is cancelled the greenthread ends at once, without running. Raises RuntimeError outside of the
        block, `WrongThreadError` in another thread.
        """
        if self._state not in ("open", "ending"):
            raise RuntimeError(
                f"{self!r} can't spawn: its block {'has not begun' if self._state == 'new' else 'is over'}"
            )
        child = spawn(func, *args, **kwargs)
        if child.hub is not self._hub:
            throw(child)
            raise WrongThreadError(f"{self!r} belongs to another thread; spawn there")
        self._children[child] = None
        child._links = [(self._child_ended, True)]
        if self._cancelled:
            throw(child, Cancelled(self))
        return child

    def cancel(self) -> None:
        """Raise `Cancelled` in all greenthreads of the group and in the block, which then ends without an error.

        It reaches each of them at its next wait. Never yields. May be repeated: greenthreads that went on in spite of
        it get it again.
        """
        if self._state not in ("open", "ending"):
            return
        self._cancelled = True
        calls = self._hub.calls
        for child in list(self._children):
            if child:
                calls.append(partial(throw, child, Cancelled(self)))
            else:
                throw(child, Cancelled(self))
        if self._state == "open":
            calls.append(self._interrupt_block)

    def _interrupt_block(self) -> None:
        """In the hub: raise `Cancelled` in the block, if it has not come to its end meanwhile."""
        parent = self._parent
        if self._state == "open" and not parent.dead:
            error = Cancelled(self)
            guard = getattr(parent, "shield", None)
            if guard is None or not guard.holds(error, self):
                parent.throw(error)

    def _child_ended(self, child: GreenThread[Any]) -> None:
        self._children.pop(child, None)
        error = child.exception
        if error is not None and not isinstance(error, GreenletExit):
            self._errors.append(error)
            if not self._cancelled:
                self.cancel()
        if not self._children and self._note is not None:
            serve(self._note, True)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if getcurrent() is not self._parent:
            raise RuntimeError(f"the block of {self!r} must end in the greenlet that began it")
        self._state = "ending"
        if value is not None:
            self._note_error(value)
        while self._children:
            note = self._note = [self._parent, NOTHING]
            try:
                park(self._hub, self._parent, note, None, self)
            except BaseException as error:
                self._note_error(error)
        self._note = None
        self._state = "ended"
        verdict = self._verdict()
        if verdict is None:
            return True
        if verdict is value:
            return False
        context = verdict.__context__
        try:
            raise verdict
        finally:
            verdict.__context__ = context
            del verdict, value, context  # its traceback has this frame

    def _note_error(self, error: BaseException) -> None:
        """The block has raised `error`, or was interrupted by it at its end."""
        if not (isinstance(error, Cancelled) and error.group is self):
            if isinstance(error, Exception):
                if not any(error is known for known in self._errors):  # it may have waited for one that failed
                    self._errors.append(error)
            elif self._outside is None or isinstance(self._outside, Timeout):  # the later Timeout is the outer one
                self._outside = error
            self.cancel()

    def _verdict(self) -> BaseException | None:
        """What the block raises in the end; the rest is reported."""
        errors, self._errors = self._errors, []
        outside, self._outside = self._outside, None
        for error in errors:
            if isinstance(error, SYSTEM_ERRORS):
                outside = error
        if outside is not None:
            for error in errors:
                if error is not outside:
                    self._hub.handle_error(self, error)
            return outside
        if len(errors) > 1:
            return exception_group(f"{len(errors)} errors in a task group", errors)
        return errors[0] if errors else None


class shield:
    """A block that nothing interrupts from outside: what would be raised in it is raised at its end.

    ::

        with guv.shield():
            connection.commit()

    Holds back `kill`, the cancellation of a `TaskGroup` around it, and a `Timeout` that was started before it; not
    those that begin inside it, and never KeyboardInterrupt and SystemExit. If several were held back, a kill goes
    before a `Timeout`, and the last one counts. For one greenlet and one use; those that it spawns are not shielded,
    but they are not cancelled either while the shielded block waits for them in a `TaskGroup`.
    """

    def __init__(self) -> None:
        self._held: list[tuple[BaseException, Any, int]] = []
        self._outer: shield | None = None
        self._since = 0  # nanoseconds of CLOCK_MONOTONIC; when the block began
        self._older: list[Timeout] = []  # if the clock stands still: those that were running then
        self._greenlet: greenlet

    def __enter__(self) -> shield:
        self._greenlet, hub = current_and_hub()
        current: Any = self._greenlet
        self._outer = getattr(current, "shield", None)
        self._since = monotonic_ns()
        if self._since == monotonic_ns():  # a test's clock, by which a Timeout's start does not tell
            entries = (*hub.fresh, *hub.timers)
            self._older = [entry for entry in entries if isinstance(entry, Timeout) and entry.greenlet is current]
        current.shield = self
        return self

    def holds(self, error: BaseException, source: object = None, started: int = 0) -> bool:
        """Keep `error` for the end of the block; False if it is to be raised now, because it ends the program, or what
        raises it began inside the block: `source` is a task group, or a Timeout that was started at `started`."""
        if isinstance(error, SYSTEM_ERRORS):
            return False
        if isinstance(source, TaskGroup):
            inside = source._shield is self
        else:
            inside = started > self._since or (started == self._since and source not in self._older)
        if not inside:
            self._held.append((error, source, started))
        return not inside

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        outer = self._outer
        if outer is None:
            del self._greenlet.shield  # type: ignore[attr-defined]
        else:
            self._greenlet.shield = outer  # type: ignore[attr-defined]
        held, self._held = self._held, []
        due = [error for error, *source in held if outer is None or not outer.holds(error, *source)]
        if due and not isinstance(value, SYSTEM_ERRORS):
            kills = [error for error in due if isinstance(error, GreenletExit)]
            raise (kills or due)[-1]
