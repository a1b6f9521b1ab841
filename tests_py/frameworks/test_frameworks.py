"""Web frameworks, unmodified, on `guv.wsgi`: right answers, and requests that wait do so side by side."""

from __future__ import annotations

import pytest

COMMON = """
import guv; guv.monkey_patch()
import threading, time, urllib.request
import guv.wsgi

def serve(application):
    server = guv.wsgi.WSGIServer(guv.listen(("127.0.0.1", 0)), application)
    server.start()
    return server, "http://127.0.0.1:%d" % server.address[1]

def get(url, data=None):
    with urllib.request.urlopen(url, data, timeout=20) as reply:
        return reply.read().decode()

def check(application, *paths):
    server, url = serve(application)
    print(get(url + "/hello/world?x=1"), get(url + "/post", b"some data"))
    for path in paths:
        began = time.monotonic()
        threads = [threading.Thread(target=get, args=(url + path,)) for _ in range(20)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print("side by side" if time.monotonic() - began < 20 * 0.1 else "one after the other")
    server.stop(5)
"""

PROGRAMS = {
    "flask": """
        import flask
        app = flask.Flask("app")
        @app.route("/hello/<name>")
        def hello(name):
            return f"hello {name} {flask.request.args['x']}"
        @app.post("/post")
        def post():
            return flask.request.get_data()
        @app.route("/wait")
        def wait():
            time.sleep(0.1)
            return flask.Response(iter(["streamed"]))
        check(app, "/wait")
        """,
    "bottle": """
        import bottle
        app = bottle.Bottle()
        @app.route("/hello/<name>")
        def hello(name):
            return f"hello {name} {bottle.request.query.x}"
        @app.post("/post")
        def post():
            return bottle.request.body.read()
        @app.route("/wait")
        def wait():
            time.sleep(0.1)
        check(app, "/wait")
        """,
    "falcon": """
        import falcon
        class Hello:
            def on_get(self, request, reply, name):
                reply.text = f"hello {name} {request.params['x']}"
        class Post:
            def on_post(self, request, reply):
                reply.data = request.bounded_stream.read()
        class Wait:
            def on_get(self, request, reply):
                time.sleep(0.1)
        app = falcon.App()
        app.add_route("/hello/{name}", Hello())
        app.add_route("/post", Post())
        app.add_route("/wait", Wait())
        check(app, "/wait")
        """,
    "pyramid": """
        import warnings
        warnings.simplefilter("ignore")  # of its own imports
        from pyramid.config import Configurator
        from pyramid.response import Response
        with Configurator() as config:
            config.add_route("hello", "/hello/{name}")
            config.add_view(lambda r: Response(f"hello {r.matchdict['name']} {r.params['x']}"), route_name="hello")
            config.add_route("post", "/post")
            config.add_view(lambda r: Response(r.body), route_name="post")
            config.add_route("wait", "/wait")
            config.add_view(lambda r: time.sleep(0.1) or Response("waited"), route_name="wait")
            app = config.make_wsgi_app()
        check(app, "/wait")
        """,
    "django": """
        import asyncio, django
        from django.conf import settings
        from django.core.wsgi import get_wsgi_application
        from django.http import HttpResponse
        from django.urls import path
        def hello(request, name):
            return HttpResponse(f"hello {name} {request.GET['x']}")
        def post(request):
            return HttpResponse(request.body)
        def wait(request):
            time.sleep(0.1)
            return HttpResponse("waited")
        async def wait_async(request):
            await asyncio.sleep(0.1)
            return HttpResponse("waited")
        urlpatterns = [path("hello/<name>", hello), path("post", post), path("wait", wait), path("async", wait_async)]
        settings.configure(ROOT_URLCONF="__main__", ALLOWED_HOSTS=["*"], SECRET_KEY="x")
        check(get_wsgi_application(), "/wait", "/async")
        """,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_framework_answers_side_by_side(script, name):
    pytest.importorskip(name)
    import textwrap

    out = script(COMMON + textwrap.dedent(PROGRAMS[name]), deadline=50).splitlines()
    assert out[0] == "hello world 1 some data"
    assert set(out[1:]) == {"side by side"}


@pytest.mark.slow
def test_flask_socketio_talks_by_websocket_and_by_polling(script):
    pytest.importorskip("flask_socketio")
    pytest.importorskip("websocket")
    import textwrap

    program = """
        import flask, flask_socketio, socketio
        app = flask.Flask("app")
        hub = flask_socketio.SocketIO(app, async_mode="threading")
        @hub.on("shout")
        def shout(data):
            flask_socketio.emit("heard", data, broadcast=True)
            return "done"
        server, url = serve(app)
        for kind in ("websocket", "polling"):
            clients = [socketio.Client(reconnection=False) for _ in range(3)]
            heard, all_in = [], threading.Event()
            def hear(data):
                heard.append(data)
                if len(heard) == 3:
                    all_in.set()
            for client in clients:
                client.on("heard", hear)
                client.connect(url, transports=[kind], wait_timeout=10)
            print(kind, clients[0].call("shout", "hi", timeout=10), all_in.wait(10), heard, clients[0].transport())
            for client in clients:
                client.disconnect()
        server.stop(0.5)
        """
    out = script(
        "import warnings; warnings.simplefilter('ignore')\n" + COMMON + textwrap.dedent(program), deadline=50
    ).splitlines()
    assert out == [f"{kind} done True ['hi', 'hi', 'hi'] {kind}" for kind in ("websocket", "polling")]


@pytest.mark.slow
def test_flask_long_polls_and_event_streams_hear_what_is_posted(script):
    pytest.importorskip("flask")
    import textwrap

    program = """
        import http.client, queue, flask
        app = flask.Flask("app")
        news, version, listeners = threading.Condition(), 0, set()
        @app.get("/poll/<int:seen>")
        def poll(seen):
            with news:
                news.wait_for(lambda: version > seen, timeout=20)
            return str(version)
        @app.get("/events")
        def events():
            def stream():
                mine = queue.Queue()
                listeners.add(mine)
                try:
                    yield "data: welcome\\n\\n"
                    while True:
                        yield f"data: {mine.get(timeout=20)}\\n\\n"
                finally:
                    listeners.discard(mine)
            return flask.Response(stream(), content_type="text/event-stream")
        @app.post("/post")
        def post():
            global version
            text = flask.request.get_data(as_text=True)
            with news:
                version += 1
                news.notify_all()
            for listener in list(listeners):
                listener.put(text)
            return "posted"
        server, url = serve(app)
        polled = []
        pollers = [threading.Thread(target=lambda: polled.append(get(url + "/poll/0"))) for _ in range(20)]
        streams = []
        for _ in range(20):
            connection = http.client.HTTPConnection("127.0.0.1", server.address[1], timeout=20)
            connection.request("GET", "/events")
            streams.append((connection, connection.getresponse()))
        [poller.start() for poller in pollers]
        print([reply.readline() for _, reply in streams] == [b"data: welcome\\n"] * 20, len(listeners))
        while len(server.handlers) < 40:
            time.sleep(0.01)
        print(get(url + "/post", b"good news"))
        [poller.join() for poller in pollers]
        print(polled == ["1"] * 20)
        print([reply.readline() + reply.readline() for _, reply in streams] == [b"\\ndata: good news\\n"] * 20)
        for connection, reply in streams:
            reply.close()
            connection.close()
        while listeners:  # who has gone is found out when there is something to send
            get(url + "/post", b"anybody?")
        server.stop(5)
        print("left:", len(server.handlers))
        """
    out = script(COMMON + textwrap.dedent(program), deadline=50).splitlines()
    assert out == ["True 20", "posted", "True", "True", "left: 0"]
