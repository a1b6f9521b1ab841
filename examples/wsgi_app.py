"""A WSGI application on guv's own server: a page, a slow page that keeps nobody waiting, and an upload.

python examples/wsgi_app.py 8000
python -m guv.wsgi wsgi_app:app --chdir examples -b 127.0.0.1:8000 -w 2

curl http://127.0.0.1:8000/slow
curl --data-binary @some_file http://127.0.0.1:8000/upload
"""

import hashlib
import sys
import time

import guv
import guv.wsgi

guv.monkey_patch()


def index(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"Try /slow, or send something to /upload.\n"]


def slow(environ, start_response):
    time.sleep(1)  # other requests are answered meanwhile
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"This took a second.\n"]


def upload(environ, start_response):
    """Read a body of any size in pieces: it is never in memory as a whole."""
    digest = hashlib.sha256()
    while piece := environ["wsgi.input"].read(1 << 16):
        digest.update(piece)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [digest.hexdigest().encode() + b"\n"]


PAGES = {"/": index, "/slow": slow, "/upload": upload}


def app(environ, start_response):
    page = PAGES.get(environ["PATH_INFO"])
    if page is None:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"There is no such page.\n"]
    return page(environ, start_response)


if __name__ == "__main__":
    listener = guv.listen(("127.0.0.1", int(sys.argv[1])))
    print("http on port", listener.getsockname()[1], flush=True)
    guv.wsgi.serve(listener, app)
