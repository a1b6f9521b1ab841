"""permessage-deflate (RFC 7692) as wsproto does it, but for control frames within a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsproto.extensions import PerMessageDeflate

if TYPE_CHECKING:
    from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits


class Deflate(PerMessageDeflate):  # type: ignore[misc]
    """Control frames, which may come between the fragments of a message, leave its decompression alone.

    wsproto 1.3 takes such a frame for the end of the message, and what comes behind it for plain data.
    """

    _inbound_compressed: bool | None  # of the message that has begun, None between two
    _within_control = False

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        ongoing = self._inbound_compressed
        answer = super().frame_inbound_header(proto, opcode, rsv, payload_length)
        self._within_control = opcode.iscontrol()
        if self._within_control:
            self._inbound_compressed = ongoing
        return answer

    def frame_inbound_payload_data(self, proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes | CloseReason:
        return data if self._within_control else super().frame_inbound_payload_data(proto, data)

    def frame_inbound_complete(self, proto: FrameDecoder | FrameProtocol, fin: bool) -> bytes | CloseReason | None:
        return None if self._within_control else super().frame_inbound_complete(proto, fin)
