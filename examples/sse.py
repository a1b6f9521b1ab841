"""Server-sent events: thousands of browsers may wait, each costs a greenlet. What is posted goes to all of them.

python examples/sse.py 8000
curl -N http://127.0.0.1:8000/events
curl -d 'good news' http://127.0.0.1:8000/
"""

import queue
import sys

import guv
import guv.wsgi

guv.monkey_patch()

listeners = set()


def events(environ, start_response):
    """A reply without an end. Closing the connection closes the generator."""
    start_response("200 OK", [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")])
    mine = queue.Queue(maxsize=100)
    listeners.add(mine)
    try:
        yield b": welcome\n\n"
        while True:
            try:
                text = mine.get(timeout=15)
            except queue.Empty:
                yield b": still here\n\n"  # finds out who has gone
            else:
                yield b"data: " + text + b"\n\n"
    finally:
        listeners.discard(mine)


def publish(environ, start_response):
    text = environ["wsgi.input"].read(4096).replace(b"\n", b" ")
    for listener in list(listeners):
        try:
            listener.put_nowait(text)
        except queue.Full:
            pass  # too slow to be told everything
    start_response("204 No Content", [])
    return []


def app(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        return publish(environ, start_response)
    return events(environ, start_response)


listener = guv.listen(("127.0.0.1", int(sys.argv[1])))
print("events on port", listener.getsockname()[1], flush=True)
guv.wsgi.serve(listener, app)
