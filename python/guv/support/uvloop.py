"""uvloop: asyncio on libuv, whose loop waits in C.

Yields: a running loop, each time it has nothing to do, and once in every round while it has. Everything else is as
without guv; greenlet-threads may each run a loop. A loop in a native thread without a hub is left alone.

libuv tells all that an outer loop has to know: the descriptor behind which it collects its events, and the time until
its next timer. A *prepare* handle is called at the right moment, just before libuv would wait; it waits in its place.
An *idle* handle makes libuv pass on without waiting after that.

uvloop holds all greenlets of the main thread for the main thread, and has each loop put its own descriptor into
`signal.set_wakeup_fd` and what it found there back at its end. If it was imported before `monkey_patch`, that is the
real one; so guv's pipe goes back there before each loop begins, and as soon as it runs: they may end in any order.
"""

from __future__ import annotations

import ctypes
from typing import Any

import uvloop
import uvloop.loop
from greenlet import getcurrent

from ..const import READ
from ..green._running_loop import notice, remember
from ..green.signal import bystanders
from ..hubs.current import current_hub, get_hub
from ..hubs.ident import in_main_thread
from ..hubs.signals import plumbing
from ..hubs.switch import gyield, trampoline
from . import require

MINIMUM = (0, 17)

_IDLE, _PREPARE = 6, 9  # libuv's numbers of kinds of handles

_run_forever: Any = uvloop.Loop.run_forever
_running: dict[int, _Waiter] = {}  # address of a prepare handle -> who waits when it is called
_latest: _Waiter | None = None  # of the main thread; its loop's descriptor may be in the real `set_wakeup_fd`


def patch() -> None:
    """Replace `uvloop.Loop.run_forever`, on which everything that runs a loop is built."""
    require(uvloop, MINIMUM, uvloop.__version__)
    if uvloop.Loop.run_forever is not run_forever:
        _bind()
        uvloop.Loop.run_forever = run_forever


def run_forever(self: Any) -> None:
    """As `uvloop.Loop.run_forever`; yields."""
    if current_hub() is None:
        if not in_main_thread():
            _run_forever(self)
            return
        get_hub()  # its pipe is what the loop has to find in `set_wakeup_fd`, and give back
    _take_back_wakeups()
    me = getcurrent()
    beside = me.parent is not None
    waiter = _Waiter(self, beside)
    if beside:
        bystanders.add(me)
    notice()  # of a loop that runs around this call, which uvloop is going to refuse
    remember(self)
    try:
        _run_forever(self)
    finally:
        bystanders.discard(me)
        waiter.end()
    if waiter.error is not None:
        try:
            raise waiter.error
        finally:
            waiter.error = None


class _Waiter:
    """Waits for one run of a loop."""

    def __init__(self, loop: Any, beside: bool) -> None:
        self.loop = loop
        self.beside = beside  # its greenlet is not the main one
        self.address = _pointer(uvloop.loop.libuv_get_loop_t_ptr(loop), None)
        self.error: BaseException | None = None
        self.program: tuple[int, bool] | None = None  # the program's wakeup descriptor, in whose place the loop's is
        self.idle = self._handle(_IDLE, _libuv.uv_idle_init)
        self.prepare = self._handle(_PREPARE, _libuv.uv_prepare_init)
        _running[self.prepare] = self
        _libuv.uv_prepare_start(self.prepare, _prepare)
        if in_main_thread():
            global _latest
            _latest = self

    def _handle(self, kind: int, init: Any) -> int:
        handle: int | None = _malloc(_libuv.uv_handle_size(kind))
        if not handle:
            raise MemoryError
        init(self.address, handle)
        _libuv.uv_unref(handle)  # it is no reason for the loop to go on
        return handle

    def end(self) -> None:
        """Give the handles back: their memory is libuv's until the next run or `Loop.close`, which free it."""
        global _latest
        if _latest is self:
            _latest = None
        installed = plumbing()
        if installed is not None and self.program is not None:
            installed.program_fd, installed.program_warns = self.program
        del _running[self.prepare]
        _libuv.uv_close(self.prepare, _free)
        _libuv.uv_close(self.idle, _free)

    def wait(self) -> None:
        """Called before libuv waits for events."""
        _libuv.uv_idle_stop(self.idle)
        try:
            if self is _latest:
                _take_back_wakeups()
            fd = _libuv.uv_backend_fd(self.address)
            yielded = False
            while timeout := _libuv.uv_backend_timeout(self.address):
                yielded = True
                try:
                    trampoline(fd, READ, None if timeout < 0 else timeout / 1000, TimeoutError)
                    break
                except TimeoutError:
                    _libuv.uv_update_time(self.address)
            if not yielded:
                gyield()
        except BaseException as error:  # an exception can't pass through libuv
            self.error = error
            self.loop.stop()
        _libuv.uv_idle_start(self.idle, _libuv.uv_is_active)  # that does nothing


def _take_back_wakeups() -> None:
    """Put guv's pipe into the real `set_wakeup_fd` again. What was there comes behind it, unless that is a loop's which
    is not the main greenlet's."""
    global _latest
    installed = plumbing()
    if installed is None or not in_main_thread():
        return
    holder, _latest = _latest, None
    found = installed.retake()
    if found < 0 or (holder is not None and holder.beside):
        return
    if holder is not None:
        holder.program = installed.program_fd, installed.program_warns
    installed.program_fd, installed.program_warns = found, holder is None


def _before_wait(handle: int) -> None:
    """Called by libuv."""
    _running[handle].wait()


_prepare: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_before_wait)
_libuv: Any = None
_malloc: Any = ctypes.CDLL(None).malloc
_malloc.argtypes, _malloc.restype = (ctypes.c_size_t,), ctypes.c_void_p
_free: Any = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p)
_pointer: Any = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.argtypes, _pointer.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_void_p


def _bind() -> None:
    """Find the functions of libuv, which uvloop carries in its extension module."""
    global _libuv
    library: Any = ctypes.PyDLL(uvloop.loop.__file__)
    pointer = ctypes.c_void_p
    try:
        library.uv_handle_size.argtypes, library.uv_handle_size.restype = (ctypes.c_int,), ctypes.c_size_t
        library.uv_idle_init.argtypes = library.uv_prepare_init.argtypes = (pointer, pointer)
        library.uv_idle_start.argtypes = library.uv_prepare_start.argtypes = (pointer, pointer)
        library.uv_idle_stop.argtypes = library.uv_backend_fd.argtypes = library.uv_backend_timeout.argtypes = (
            pointer,
        )
        library.uv_close.argtypes, library.uv_close.restype = (pointer, pointer), None
        library.uv_unref.argtypes, library.uv_unref.restype = (pointer,), None
        library.uv_update_time.argtypes, library.uv_update_time.restype = (pointer,), None
        library.uv_is_active  # noqa: B018
    except AttributeError as error:
        raise ImportError(f"this build of uvloop hides libuv's functions: {error}") from None
    _libuv = library
