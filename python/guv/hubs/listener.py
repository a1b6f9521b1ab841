"""Callbacks for the readiness of a descriptor: what `AbstractHub.add` returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from .descriptor import oserror

if TYPE_CHECKING:
    from .abc import AbstractHub


class AbstractListener:
    """A callback for the readiness of one descriptor in one direction; made by `hub.add`.

    `cb` runs in the hub at each readiness until `hub.remove`; `tb` gets the OSError when the
    descriptor is closed first.
    """

    __slots__ = ("args", "cb", "descriptor", "evtype", "fd", "greenlet", "hub", "tb")

    def __init__(
        self,
        hub: AbstractHub,
        evtype: int,
        fd: int,
        cb: Callable[..., object],
        tb: Callable[[BaseException], object] | None,
        args: tuple[Any, ...],
    ) -> None:
        self.hub: AbstractHub | None = hub
        self.evtype = evtype
        self.fd = fd
        self.cb = cb
        self.tb = tb
        self.args = args
        self.greenlet = getcurrent()
        self.descriptor = hub.descriptor(fd)
        self.descriptor.join(evtype, self)

    def __repr__(self) -> str:
        return f"<listener {self.evtype} of fd {self.fd} for {self.cb!r}>"

    def __call__(self) -> None:
        hub = self.hub
        if hub is None:
            return
        if self.descriptor.error:
            self.hub = None
            if self.tb is not None:
                self.tb(oserror(self.descriptor.error))
            return
        self.cb(*self.args)
        if self.hub is not None:
            self.descriptor = hub.descriptor(self.fd)  # that of a green socket, if it has been watched meanwhile
            self.descriptor.join(self.evtype, self)
            hub.arm(self.fd, self.evtype)
