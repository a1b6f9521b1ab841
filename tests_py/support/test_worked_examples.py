"""The two support modules that docs/support.md shows work as shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

Program = Callable[..., str]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "support.md"


def _shown(function: str) -> str:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    found: str = next(block for block in blocks if f"def {function}(" in block)
    assert found.count("\n") < 60
    return found


def test_shown_wait_callback_of_psycopg2_yields(program: Program, postgres: str) -> None:
    code = """
import psycopg2
from psycopg2 import extensions
patch()
assert extensions.get_wait_callback() is wait
holder, waiter = psycopg2.connect(sys.argv[1]), psycopg2.connect(sys.argv[1])
holder.cursor().execute("select pg_advisory_lock(1)")
after_a_turn(holder.close)
cursor = waiter.cursor()
cursor.execute("select pg_advisory_lock(1), 'mine'")
print(cursor.fetchone()[1])
with guv.Timeout(0.05, False):
    cursor.execute("select pg_sleep(60)")
print(waiter.closed != 0)
"""
    assert program("psycopg2", _shown("wait") + code, args=(postgres,)) == "mine\nTrue\n"


def test_shown_multi_socket_of_pycurl_yields(program: Program) -> None:
    code = """
import http.server, io
import guv.support.pycurl, pycurl
barrier = threading.Barrier(3)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        barrier.wait()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode() * 100000)
    def log_message(self, *args):
        pass
web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
web.daemon_threads = True
threading.Thread(target=web.serve_forever, daemon=True).start()
def get(i):
    easy, body = guv.support.pycurl._Curl(), io.BytesIO()
    easy.setopt(pycurl.URL, f"http://127.0.0.1:{web.server_port}/{i}")
    easy.setopt(pycurl.WRITEDATA, body)
    perform(easy)
    return len(body.getvalue())
print(together(get, 3))
refused = guv.support.pycurl._Curl()
refused.setopt(pycurl.URL, "http://127.0.0.1:1/")
try:
    perform(refused)
except pycurl.error as error:
    print(error.args[0])
"""
    assert program("pycurl", _shown("perform") + code) == "[200000, 200000, 200000]\n7\n"
