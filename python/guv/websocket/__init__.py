"""WebSockets (RFC 6455), both sides, as plain blocking calls. Frames are read and written by ``wsproto``.

A server is a WSGI application::

    @guv.websocket.WebSocketWSGI
    def echo(ws):
        for message in ws:
            ws.send(message)

    guv.wsgi.serve(guv.listen(("127.0.0.1", 8000)), echo)

It works from `guv.wsgi` and from both workers for gunicorn. A client is `connect`. Needs ``pip install guv[web]``.
"""

try:
    import wsproto as _wsproto
except ImportError as _error:
    raise ImportError("guv.websocket needs the package wsproto: pip install 'guv[web]'") from _error

from ..wsgi import ALREADY_HANDLED as ALREADY_HANDLED
from ._client import connect as connect
from ._connection import RFC6455WebSocket as RFC6455WebSocket
from ._connection import WebSocket as WebSocket
from ._errors import BadRequest as BadRequest
from ._errors import ConnectionClosedError as ConnectionClosedError
from ._errors import FailedConnectionError as FailedConnectionError
from ._errors import ProtocolError as ProtocolError
from ._wsgi import WebSocketWSGI as WebSocketWSGI

del _wsproto
