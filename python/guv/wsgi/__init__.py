"""A WSGI server: HTTP/1.1 to the letter of RFC 9112, :pep:`3333`, and quick.

``guv.wsgi.serve(guv.listen(("", 8000)), app)`` serves `app` for ever. `WSGIServer` can be stopped gracefully.
Several processes: gunicorn with ``-k guv.GuvWSGIWorker``. Nothing but greenlet is needed otherwise.
"""

from ._as_eventlet import server as server
from ._errors import BadRequest as BadRequest
from ._errors import BadResponse as BadResponse
from ._errors import ClientDisconnected as ClientDisconnected
from ._exchange import ALREADY_HANDLED as ALREADY_HANDLED
from ._exchange import Exchange as Exchange
from ._file import FileWrapper as FileWrapper
from ._handler import WSGIHandler as WSGIHandler
from ._input import Input as Input
from ._limits import Limits as Limits
from ._log import AccessFile as AccessFile
from ._log import AccessLog as AccessLog
from ._reply import format_date_time as format_date_time
from ._server import Application as Application
from ._server import WSGIServer as WSGIServer
from ._server import serve as serve
