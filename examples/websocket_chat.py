"""A chat room in the browser, over websockets: what one says, all see.

pip install 'guv[web]'
python examples/websocket_chat.py 8000
Open http://127.0.0.1:8000/ in two windows.
"""

import sys

import guv
import guv.wsgi
from guv.websocket import ConnectionClosedError, WebSocketWSGI

guv.monkey_patch()

PAGE = b"""<!doctype html><title>Chat</title><input id=say autofocus><pre id=said></pre><script>
const socket = new WebSocket(`ws://${location.host}/chat`);
socket.onmessage = event => said.textContent += event.data + "\\n";
say.onchange = () => { socket.send(say.value); say.value = ""; };
</script>"""

room = set()


def tell(text):
    """Send to everybody; each in a greenlet, so that nobody waits for a slow one."""
    for person in list(room):
        guv.spawn(send, person, text)


def send(person, text):
    try:
        with guv.Timeout(10):
            person.send(text)
    except (ConnectionClosedError, guv.Timeout):
        room.discard(person)


# Other sites must not connect with the user's cookies, hence the check of Origin; None is no browser.
@WebSocketWSGI.configured(
    origin_checker=lambda origin: origin is None or origin.startswith(("http://127.0.0.1", "http://localhost")),
    max_frame_length=4096,
    ping_interval=30,
)
def chat(person):
    room.add(person)
    tell(f"{len(room)} here")
    try:
        for message in person:
            tell(message)
    finally:
        room.discard(person)


def app(environ, start_response):
    if environ["PATH_INFO"] == "/chat":
        return chat(environ, start_response)
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [PAGE]


listener = guv.listen(("127.0.0.1", int(sys.argv[1])))
print("chat on port", listener.getsockname()[1], flush=True)
guv.wsgi.serve(listener, app)
