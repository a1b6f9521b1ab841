"""TLS sockets that are cooperative without `monkey_patch`."""

from __future__ import annotations

import ssl as _stdlib

from . import socket as green
from . import ssl as green_ssl


class GreenSSLSocket(_stdlib.SSLSocket):
    """`ssl.SSLSocket` whose methods yield, in a program that is not patched."""


for _class, _name, _replacement in (
    (path.split(".")[0], path.rpartition(".")[2], replacement)
    for _, path, replacement in (*green.PATCHES, *green_ssl.PATCHES)
):
    if _class == "SSLSocket" or (_class == "socket" and _name != "timeout" and _name not in vars(_stdlib.SSLSocket)):
        setattr(GreenSSLSocket, _name, _replacement)
GreenSSLSocket.timeout = property(green.gettimeout)  # type: ignore[misc, assignment]


def green_context(context: _stdlib.SSLContext) -> _stdlib.SSLContext:
    """`context`, made to wrap sockets in a class that yields, unless it does so already or has a class of its own."""
    if context.sslsocket_class is _stdlib.SSLSocket and _stdlib.SSLSocket.read is not green_ssl.read:  # type: ignore[comparison-overlap]
        context.sslsocket_class = GreenSSLSocket
    return context
