"""Whole programs as users of gevent and eventlet have them, of which only the package's name was changed."""

from __future__ import annotations

import re
from collections.abc import Callable

Script = Callable[..., str]


def ported(program: str) -> str:
    return re.sub(r"\b(gevent|eventlet)\b", "guv", program)


def test_gevent_crawlerAndServer_inOneProgram(script: Script) -> None:
    program = """
        from gevent import monkey; monkey.patch_all(thread=True, aggressive=False, sys=False, dns=True)
        import gevent, subprocess, threading, urllib.error, urllib.request
        from gevent.pool import Pool
        from gevent.pywsgi import WSGIServer
        from gevent import socket, select, subprocess as gsubprocess
        import socket as plain_socket

        def application(environ, start_response):
            if environ["PATH_INFO"] == "/5":
                start_response("404 Not Found", [("Content-Type", "text/html")])
                return [b"<h1>Not Found</h1>"]
            start_response("200 OK", [("Content-Type", "text/html")])
            return [b"<b>hello %s</b>" % environ["PATH_INFO"].encode()]

        server = WSGIServer(("127.0.0.1", 0), application, log=None)
        gevent.spawn(server.serve_forever)

        def fetch(number):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{number}") as reply:
                    return reply.read()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        print(Pool(3).map(fetch, range(4, 7)))
        jobs = [gevent.spawn(fetch, number) for number in range(2)]
        gevent.joinall(jobs, timeout=5)
        print([job.value for job in jobs])
        native = monkey.get_original("threading", "Thread")
        print(native is threading.Thread, monkey.is_module_patched("socket"), monkey.is_object_patched("socket", "socket"))
        print(socket.socket is plain_socket.socket, gsubprocess.Popen is subprocess.Popen)
        server.stop()
    """
    assert script(ported(program)) == (
        "[b'<b>hello /4</b>', 404, b'<b>hello /6</b>']\n"
        "[b'<b>hello /0</b>', b'<b>hello /1</b>']\n"
        "False True True\n"
        "True True\n"
    )


def test_gevent_actors_withoutAPatch(script: Script) -> None:
    program = """
        import gevent
        from gevent.queue import Queue
        from gevent import Greenlet

        class Actor(gevent.Greenlet):
            def __init__(self, name):
                self.inbox = Queue()
                self.name_of = name
                Greenlet.__init__(self)

            def _run(self):
                while True:
                    message = self.inbox.get()
                    print(self.name_of, message)
                    if message == 3:
                        break
                    self.other.inbox.put(message + 1)

        ping, pong = Actor("ping"), Actor("pong")
        ping.other, pong.other = pong, ping
        ping.start()
        pong.start()
        ping.inbox.put(1)
        try:
            gevent.joinall([ping, pong])
        except gevent.hub.LoopExit:
            print("nothing left to do")
    """
    assert script(ported(program)) == "ping 1\npong 2\nping 3\nnothing left to do\n"


def test_gevent_daemonThatWaitsForASignal(script: Script) -> None:
    program = """
        import gevent, os, signal
        from gevent.event import Event
        stop = Event()
        gevent.signal_handler(signal.SIGTERM, stop.set)
        gevent.signal_handler(signal.SIGUSR1, print, "reloading")

        def tell():
            for number in signal.SIGUSR1, signal.SIGTERM:
                os.kill(os.getpid(), number)
                gevent.sleep(0.01)

        gevent.spawn_later(0.01, tell)
        stop.wait()
        print("stopped")
    """
    assert script(ported(program)) == "reloading\nstopped\n"


def test_eventlet_crawlerOnGreenModules(script: Script) -> None:
    program = """
        import eventlet
        from eventlet.green.urllib.request import urlopen
        from eventlet.green.http.server import BaseHTTPRequestHandler, HTTPServer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(self.path.encode())

            def log_message(self, *args):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        eventlet.spawn_n(server.serve_forever)

        def fetch(number):
            with urlopen("http://127.0.0.1:%d/%d" % (server.server_port, number)) as reply:
                return reply.read()

        pool = eventlet.GreenPool()
        for body in pool.imap(fetch, range(2)):
            print("got", body)
        pile = eventlet.GreenPile(pool)
        for number in range(2):
            pile.spawn(fetch, number)
        print(list(pile))
        server.server_close()
    """
    assert script(ported(program)) == "got b'/0'\ngot b'/1'\n[b'/0', b'/1']\n"


def test_eventlet_serverWithWebsockets(script: Script) -> None:
    program = """
        import eventlet
        eventlet.monkey_patch()
        from eventlet import wsgi, websocket

        @websocket.WebSocketWSGI
        def echo(ws):
            while True:
                message = ws.wait()
                if message is None:
                    break
                ws.send(message)

        def dispatch(environ, start_response):
            if environ["PATH_INFO"] == "/echo":
                return echo(environ, start_response)
            start_response("200 OK", [("content-type", "text/html")])
            return [b"page"]

        listener = eventlet.listen(("127.0.0.1", 0))
        serving = eventlet.spawn(wsgi.server, listener, dispatch, log_output=False)
        client = eventlet.connect(listener.getsockname())
        client.sendall(
            b"GET /echo HTTP/1.1\\r\\nHost: x\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n"
        )
        print(client.recv(1000)[:12])
        client.sendall(b"\\x81\\x82\\0\\0\\0\\0hi")
        print(client.recv(100))
        client.close()
        serving.kill()
    """
    assert script(ported(program)) == "b'HTTP/1.1 101'\nb'\\x81\\x02hi'\n"
