"""A TLS server that is stopped gracefully: Ctrl-C or SIGTERM, and clients have five seconds to finish.

openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=localhost
python examples/tls_server.py 4433 cert.pem key.pem
openssl s_client -quiet -connect 127.0.0.1:4433
"""

import signal
import ssl
import sys

import guv
from guv.event import TEvent
from guv.server import StreamServer

guv.monkey_patch()


def shout(connection, address):
    """Called in a greenlet of its own for each client, after the handshake."""
    with connection.makefile("rwb") as lines:
        for line in lines:
            lines.write(line.upper())
            lines.flush()


def main(port, certificate, key=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = StreamServer(
        guv.listen(("127.0.0.1", int(port))),
        shout,
        ssl_context=context,
        handshake_timeout=5,  # seconds; who does not get ready in that time is let go
        concurrency=10_000,  # more clients than that wait in the kernel's queue
    )
    stop = TEvent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: stop.set())
    server.start()
    print("TLS on port", server.address[1], flush=True)
    stop.wait()
    server.stop(timeout=5)
    print("stopped", flush=True)


main(*sys.argv[1:])
