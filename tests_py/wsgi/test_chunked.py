"""The chunked decoder: the same result however the bytes arrive, and no leniency."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guv.wsgi import BadRequest, Limits
from guv.wsgi._chunked import ChunkedDecoder


def decode(pieces, limits: Limits = Limits()):
    decoder = ChunkedDecoder(limits)
    body = b""
    rest = b""
    for piece in pieces:
        if decoder.done:
            rest += piece
        else:
            body += decoder.receive(piece)
    return decoder, body, decoder.rest + rest


WHOLE = b'5\r\nhello\r\n6;ext="a b"\r\n world\r\n0\r\nX-Sum: 1\r\n\r\nGET /'


def test_body_trailers_and_rest():
    decoder, body, rest = decode([WHOLE])
    assert (body, decoder.trailers, rest, decoder.done) == (b"hello world", [("X-Sum", "1")], b"GET /", True)


def test_byte_at_a_time_gives_the_same():
    decoder, body, rest = decode(bytes([byte]) for byte in WHOLE)
    assert (body, decoder.trailers, rest, decoder.done) == (b"hello world", [("X-Sum", "1")], b"GET /", True)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.lists(st.integers(1, 40), min_size=1))
def test_any_cut_gives_the_same(chunks, cuts):
    wire = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\nnext"
    pieces, position, turn = [], 0, 0
    while position < len(wire):
        size = cuts[turn % len(cuts)]
        pieces.append(wire[position : position + size])
        position, turn = position + size, turn + 1
    decoder, body, rest = decode(pieces)
    assert decoder.done
    assert (body, rest) == (b"".join(chunks), b"next")


BAD = {
    "no digits": b"\r\nhello\r\n",
    "no hexadecimal": b"g\r\n",
    "prefix": b"0x5\r\nhello\r\n",
    "sign": b"+5\r\nhello\r\n",
    "negative": b"-5\r\nhello\r\n",
    "underscore": b"1_0\r\n",
    "space before": b" 5\r\nhello\r\n",
    "space behind": b"5 \r\nhello\r\n",
    "bare lf after the size": b"5\nhello\r\n",
    "bare cr in the extension": b"5;a\rb\r\nhello\r\n",
    "lf in the extension": b"5;a\nb\r\nhello\r\n",
    "bare lf after the data": b"5\r\nhello\n0\r\n\r\n",
    "data longer than said": b"5\r\nhello!\r\n",
    "seventeen digits": b"0" * 16 + b"5\r\nhello\r\n",
    "nul in the size": b"5\0\r\nhello\r\n",
    "trailer without colon": b"0\r\nfoo\r\n\r\n",
    "folded trailer": b"0\r\na: b\r\n c\r\n\r\n",
    "trailer with space before colon": b"0\r\na : b\r\n\r\n",
    "bare lf at the end": b"0\r\n\n",
    "long extension": b"5;" + b"x" * 5000 + b"\r\nhello\r\n",
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("cut", ["whole", "bytes"])
def test_malformed_body_is_refused(name, cut):
    wire = BAD[name]
    with pytest.raises(BadRequest):
        decode([wire] if cut == "whole" else [bytes([byte]) for byte in wire])


def test_extensions_of_all_chunks_are_bounded():
    with pytest.raises(BadRequest):
        decode([b"1;" + b"x" * 1000 + b"\r\na\r\n"] * 100)


def test_body_limit_counts_all_chunks():
    with pytest.raises(BadRequest) as caught:
        decode([b"5\r\nhello\r\n"] * 3, Limits(body=12))
    assert caught.value.status.startswith("413")


def test_huge_size_is_refused_by_the_limit_before_any_data():
    with pytest.raises(BadRequest):
        decode([b"ffffffffffffffff\r\n"], Limits(body=1 << 40))
