"""Many requests at once, and bodies larger than memory."""

from __future__ import annotations

import pytest

import guv


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.guv(deadline=360)
def test_hundred_thousand_requests_of_mixed_shapes_get_their_own_replies(serve):
    import hashlib
    import random

    def app(environ, start_response):
        body = environ["wsgi.input"].read()
        told = environ["PATH_INFO"].encode() + hashlib.md5(body).hexdigest().encode()
        shape = environ["QUERY_STRING"]
        start_response("200 OK", [("Content-Length", str(len(told)))] if shape == "sized" else [])
        return [told] if shape != "pieces" else (told[i : i + 5] for i in range(0, len(told), 5))

    served = serve(app)
    count = 1000

    def client(number):
        chance = random.Random(number)
        with served.connect() as sock, sock.makefile("rb") as replies:
            for start in range(0, count, 10):
                wire, wanted = b"", []
                for turn in range(start, start + 10):
                    body = chance.randbytes(chance.choice((0, 1, 100, 10_000)))
                    path = b"/%d/%d/" % (number, turn)
                    shape = chance.choice((b"sized", b"pieces", b"list"))
                    wire += b"POST %b?%b HTTP/1.1\r\nHost: a\r\n" % (path, shape)
                    if chance.random() < 0.5:
                        wire += b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
                    else:
                        half = len(body) // 2
                        wire += b"Transfer-Encoding: chunked\r\n\r\n"
                        for part in (body[:half], body[half:]):
                            wire += b"%x\r\n%b\r\n" % (len(part), part) if part else b""
                        wire += b"0\r\n\r\n"
                    wanted.append(path + hashlib.md5(body).hexdigest().encode())
                sending = guv.spawn(sock.sendall, wire)
                assert [one_reply(replies) for _ in wanted] == wanted
                sending.wait()
        return count

    clients = [guv.spawn(client, number) for number in range(100)]
    assert sum(one.wait() for one in clients) == 100 * count


def one_reply(replies) -> bytes:
    """The body of the next reply."""
    assert replies.readline().startswith(b"HTTP/1.1 200 ")
    fields = {}
    while (line := replies.readline()) != b"\r\n":
        name, _, value = line.partition(b": ")
        fields[name] = value.strip()
    if b"Content-Length" in fields:
        return replies.read(int(fields[b"Content-Length"]))
    body = b""
    while size := int(replies.readline(), 16):
        body += replies.read(size)
        replies.readline()
    replies.readline()
    return body


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_gigabytes_pass_in_constant_memory(script):
    out = script(
        """
        import guv, guv.wsgi

        def rss():
            with open("/proc/self/statm") as statm:
                return int(statm.read().split()[1]) * 4096
        SIZE = 2 << 30
        def app(environ, start_response):
            count, body = 0, environ["wsgi.input"]
            while data := body.read(1 << 16):
                count += len(data)
            start_response("200 OK", [("Content-Length", str(SIZE))])
            assert count == SIZE
            return (bytes(1 << 16) for _ in range(SIZE >> 16))
        server = guv.wsgi.WSGIServer(guv.listen(("127.0.0.1", 0)), app)
        server.start()
        before = rss()
        sock = guv.connect(server.address)
        sock.sendall(b"POST / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % SIZE)
        piece = bytes(1 << 16)
        for _ in range(SIZE >> 16):
            sock.sendall(piece)
        count = 0
        while data := sock.recv(1 << 16):
            count += len(data)
        sock.close()
        print(count > SIZE, rss() - before < 16 << 20)
        server.stop(1)
        """,
        deadline=300,
    )
    assert out == "True True\n"
