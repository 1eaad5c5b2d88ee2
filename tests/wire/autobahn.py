"""The cases of the Autobahn test suite for WebSocket servers, sections 1 to 7, 9 and 10, as raw frames.

Numbered as there, written anew: a case is what a client sends to an echo, and what RFC 6455 lets it expect.
Section 9 is smaller (at most 4 MiB; 1 MiB in fragments, 256 KiB in chops), so that it takes seconds.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
KIB, MIB = 1024, 1024 * 1024
NO_CODE = 1005  # a Close frame without a code (§7.1.5)
HELLO = "Hello-µ@ßöäüàá-UTF-8!!".encode()
GREEK = "κ\u1f79σμε".encode()

Message = tuple[int, bytes]


@dataclass(frozen=True)
class Case:
    """`sent` piece by piece to an echo, which answers with `expected` and a Close of one of `codes`.

    `expected`: its data messages and pongs, in this order. `codes` is empty where the client closes (1000)
    once it has what it expects; else the server does, because of what was sent. `may_omit`: so many of the
    last of `expected` may be missing, which Autobahn calls non-strict. `turns`: how often all is repeated.
    """

    number: str
    sent: Sequence[bytes]
    expected: Sequence[Message] = ()
    codes: tuple[int, ...] = ()
    may_omit: int = 0
    turns: int = 1


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """A client's frame (§5.2)."""
    size = len(data)
    if size < 126:
        length = bytes((size,))
    elif size < 0x10000:
        length = b"\x7e" + size.to_bytes(2)
    else:
        length = b"\x7f" + size.to_bytes(8)
    first = bytes((fin << 7 | rsv << 4 | opcode,))
    if not masked:
        return first + length + data
    mask = os.urandom(4)
    stream = int.from_bytes((mask * (size // 4 + 1))[:size])
    mixed = (int.from_bytes(data) ^ stream).to_bytes(size)
    return first + bytes((length[0] | 0x80,)) + length[1:] + mask + mixed


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else code.to_bytes(2) + reason)


def chopped(size: int, *frames: bytes) -> list[bytes]:
    """The bytes of `frames` in pieces of `size`."""
    data = b"".join(frames)
    return [data[at : at + size] for at in range(0, len(data), size)]


def at_once(*frames: bytes) -> list[bytes]:
    return [b"".join(frames)]


def fragments(opcode: int, parts: Sequence[bytes]) -> list[bytes]:
    """A message in as many frames as `parts` (§5.4)."""
    last = len(parts) - 1
    return [frame(CONT if at else opcode, part, fin=at == last) for at, part in enumerate(parts)]


def sliced(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def framing() -> Iterator[Case]:
    """1: text and binary messages at the lengths where the header changes (§5.2)."""
    sizes = (0, 125, 126, 127, 128, 0xFFFF, 0x10000)
    for kind, opcode, byte in ((1, TEXT, b"*"), (2, BINARY, b"\xfe")):
        for number, size in enumerate(sizes, 1):
            message = (opcode, byte * size)
            yield Case(f"1.{kind}.{number}", [frame(*message)], [message])
        yield Case(f"1.{kind}.8", chopped(997, frame(*message)), [message])


def pings() -> Iterator[Case]:
    """2: a Ping is answered by its data, an unsolicited Pong by nothing (§5.5.2, §5.5.3)."""
    for number, data in enumerate(
        (b"", b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125), 1
    ):
        yield Case(f"2.{number}", [frame(PING, data)], [(PONG, data)])
    yield Case("2.5", [frame(PING, b"\xfe" * 126)], codes=(1002,))
    yield Case("2.6", chopped(1, frame(PING, b"\xfe" * 125)), [(PONG, b"\xfe" * 125)])
    yield Case("2.7", [frame(PONG)])
    yield Case("2.8", [frame(PONG, b"unsolicited")])
    yield Case("2.9", [frame(PONG, b"unsolicited"), frame(PING, b"ping")], [(PONG, b"ping")])
    ten = [b"payload-%d" % number for number in range(10)]
    pongs = [(PONG, data) for data in ten]
    yield Case("2.10", [frame(PING, data) for data in ten], pongs)
    yield Case("2.11", chopped(1, *(frame(PING, data) for data in ten)), pongs)


def reserved_bits() -> Iterator[Case]:
    """3: without an extension that gives RSV1-3 a meaning they fail the connection (§5.2)."""
    good, ping = frame(TEXT, b"good"), frame(PING)
    bad = frame(TEXT, b"bad", rsv=2)
    echoed = [(TEXT, b"good")]
    yield Case("3.1", [frame(TEXT, b"bad", rsv=1)], codes=(1002,))
    yield Case("3.2", at_once(good, bad, ping), echoed, (1002,), may_omit=1)
    yield Case("3.3", [good, frame(TEXT, b"bad", rsv=3), ping], echoed, (1002,), may_omit=1)
    yield Case("3.4", chopped(1, good, frame(TEXT, b"bad", rsv=4), ping), echoed, (1002,), may_omit=1)
    yield Case("3.5", [frame(BINARY, b"\x00\xff", rsv=5)], codes=(1002,))
    yield Case("3.6", [frame(PING, b"bad", rsv=6)], codes=(1002,))
    yield Case("3.7", [frame(CLOSE, b"\x03\xe8", rsv=7)], codes=(1002,))


def opcodes() -> Iterator[Case]:
    """4: reserved opcodes fail the connection (§5.2); here also a frame without a mask (§5.1)."""
    good, ping = frame(TEXT, b"good"), frame(PING)
    echoed = [(TEXT, b"good")]
    for kind, first in ((1, 0x3), (2, 0xB)):
        yield Case(f"4.{kind}.1", [frame(first)], codes=(1002,))
        yield Case(f"4.{kind}.2", [frame(first + 1, b"reserved")], codes=(1002,))
        yield Case(f"4.{kind}.3", at_once(good, frame(first + 2), ping), echoed, (1002,), may_omit=1)
        yield Case(f"4.{kind}.4", [good, frame(first + 3, b"reserved"), ping], echoed, (1002,), may_omit=1)
        last = chopped(1, good, frame(first + 4, b"reserved"), ping)
        yield Case(f"4.{kind}.5", last, echoed, (1002,), may_omit=1)
    yield Case("4, unmasked", [frame(TEXT, b"bad", masked=False)], codes=(1002,))


def fragmentation() -> Iterator[Case]:
    """5: control frames are never fragmented and may stand between fragments, data frames may not (§5.4)."""
    yield Case("5.1", [frame(PING, b"1", fin=False), frame(CONT, b"2")], codes=(1002,))
    yield Case("5.2", [frame(PONG, b"1", fin=False), frame(CONT, b"2")], codes=(1002,))
    two = fragments(TEXT, (b"fragment1", b"fragment2"))
    whole = (TEXT, b"fragment1fragment2")
    yield Case("5.3", at_once(*two), [whole])
    yield Case("5.4", two, [whole])
    yield Case("5.5", chopped(1, *two), [whole])
    pinged = [two[0], frame(PING, b"ping"), two[1]]
    yield Case("5.6", at_once(*pinged), [(PONG, b"ping"), whole])
    yield Case("5.7", pinged, [(PONG, b"ping"), whole])
    yield Case("5.8", chopped(1, *pinged), [(PONG, b"ping"), whole])
    for number, fin in ((9, True), (12, False)):  # (nothing to continue)
        frames = [frame(CONT, b"non-continuation", fin=fin), frame(TEXT, b"text")]
        for more, sent in enumerate((at_once(*frames), frames, chopped(1, *frames))):
            yield Case(f"5.{number + more}", sent, codes=(1002,))
    lone = [frame(CONT, b"fragment3", fin=False), frame(TEXT, b"text")]
    yield Case("5.15", at_once(*two, *lone), [whole], (1002,), may_omit=1)
    for number, fin in ((16, False), (17, True)):
        frames = [frame(CONT, b"fragment1", fin=fin), *fragments(TEXT, (b"fragment2", b"fragment3"))]
        yield Case(f"5.{number}", at_once(*frames, *frames), codes=(1002,))
    yield Case("5.18", [frame(TEXT, b"1", fin=False), frame(TEXT, b"2")], codes=(1002,))
    five = fragments(TEXT, tuple(b"fragment%d" % number for number in range(1, 6)))
    frames = [*five[:2], frame(PING, b"ping1"), *five[2:4], frame(PING, b"ping2"), five[4]]
    whole = (TEXT, b"fragment1fragment2fragment3fragment4fragment5")
    expected = [(PONG, b"ping1"), (PONG, b"ping2"), whole]
    yield Case("5.19", frames, expected)
    yield Case("5.20", at_once(*frames), expected)


def utf_8() -> Iterator[Case]:
    """6: text is UTF-8 (RFC 3629), also across frames; what isn't fails the connection with 1007 (§8.1).

    RFC 6455 lets a server wait for the end of the message with that (6.4 in Autobahn: non-strict).
    """
    yield Case("6.1.1", [frame(TEXT)], [(TEXT, b"")])
    yield Case("6.1.2", fragments(TEXT, (b"", b"", b"")), [(TEXT, b"")])
    yield Case("6.1.3", fragments(TEXT, (b"", b"middle", b"")), [(TEXT, b"middle")])
    yield Case("6.2.1", [frame(TEXT, HELLO)], [(TEXT, HELLO)])
    at_boundary = HELLO.index("ß".encode())
    yield Case("6.2.2", fragments(TEXT, (HELLO[:at_boundary], HELLO[at_boundary:])), [(TEXT, HELLO)])
    yield Case("6.2.3", fragments(TEXT, sliced(HELLO, 1)), [(TEXT, HELLO)])
    yield Case("6.2.4", fragments(TEXT, sliced(GREEK, 1)), [(TEXT, GREEK)])
    wrong = GREEK + b"\xed\xa0\x80" + b"edited"
    yield Case("6.3.1", [frame(TEXT, wrong)], codes=(1007,))
    yield Case("6.3.2", fragments(TEXT, sliced(wrong, 1)), codes=(1007,))
    parts = (GREEK, b"\xf4\x90\x80\x80", b"edited")
    yield Case("6.4.1", fragments(TEXT, parts), codes=(1007,))
    yield Case("6.4.2", fragments(TEXT, (GREEK + b"\xf4", b"\x90", b"\x80\x80edited")), codes=(1007,))
    at = len(frame(TEXT)) + len(GREEK)
    whole = frame(TEXT, b"".join(parts))
    yield Case("6.4.3", [whole[:at], whole[at : at + 4], whole[at + 4 :]], codes=(1007,))
    yield Case("6.4.4", [whole[: at + 1], whole[at + 1 : at + 2], whole[at + 2 :]], codes=(1007,))
    for group, texts in _UTF_8.items():
        for number, text in enumerate(texts, 1):
            yield _in_utf_8(f"6.{group}.{number}", text)
    # What follows in the same read is not taken any more (§7.1.7).
    yield Case("6, and more", at_once(frame(TEXT, b"\xff"), frame(TEXT, b"more")), codes=(1007,))


def _in_utf_8(number: str, data: bytes) -> Case:
    try:
        data.decode()
    except UnicodeDecodeError:
        return Case(number, [frame(TEXT, data)], codes=(1007,))
    return Case(number, [frame(TEXT, data)], [(TEXT, data)])


def _hex(*texts: str) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


def _of_planes() -> Iterator[bytes]:
    """The last two code points of each plane, which are no characters and yet valid."""
    for plane, low in itertools.product(range(17), (0xFFFE, 0xFFFF)):
        yield chr(plane << 16 | low).encode()


_STARTS = [
    bytes(range(first, last)) for first, last in ((0xC0, 0xE0), (0xE0, 0xF0), (0xF0, 0xF8), (0xF8, 0xFC))
]
_TRUNCATED = _hex(
    "c0", "e080", "f08080", "f8808080", "fc80808080", "df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"
)
_OVERLONG_MOST = _hex("c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf")
_UTF_8: dict[int, Iterable[bytes]] = {
    5: [text.encode() for text in ("κόσμε", "κόσμε κόσμε", "ÄÖÜäöüß", "日本語", "🙂")],
    6: [GREEK[:end] for end in range(1, len(GREEK) + 1)],
    # the first and the last sequence of each length, up to five and six bytes, which there are no more
    7: _hex("00", "c280", "e0a080", "f0908080"),
    8: _hex("f888808080", "fc8480808080"),
    9: _hex("7f", "dfbf", "efbfbf", "f48fbfbf"),
    10: _hex("f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"),
    11: _hex("ed9fbf", "ee8080", "efbfbd", "f48fbfbf", "f4908080"),
    # continuation bytes without a start, and starts without a continuation
    12: [
        *_hex("80", "bf"),
        *(b"\x80\xbf\x80\xbf\x80\xbf"[:count] for count in range(2, 7)),
        bytes(range(0x80, 0xC0)),
    ],
    13: [b" ".join(bytes((byte,)) for byte in starts) + b" " for starts in (*_STARTS, b"\xfc\xfd")],
    14: _TRUNCATED,
    15: [b"".join(_TRUNCATED)],
    16: _hex("fe", "ff", "fefeffff"),
    # more bytes than a code point needs
    17: _hex("c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"),
    18: _OVERLONG_MOST,
    19: _hex("c080", "e08080", "f0808080", "f880808080", "fc8080808080"),
    # surrogates, alone and in pairs
    20: _hex("eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf"),
    21: [
        high + low
        for high in _hex("eda080", "edadbf", "edae80", "edafbf")
        for low in _hex("edb080", "edbfbf")
    ],
    22: list(_of_planes()),
    23: [chr(code).encode() for code in range(0xFFF9, 0x10000)],
}


def closing() -> Iterator[Case]:
    """7: a Close is answered by a Close, and nothing after it (§5.5.1); codes as §7.4 and IANA have them."""
    text, big = (TEXT, b"Hello World!"), (TEXT, b"*" * 256 * KIB)
    yield Case("7.1.1", at_once(frame(*text), close()), [text], (1000,), may_omit=1)
    yield Case("7.1.2", at_once(close(), close()), codes=(1000,))
    yield Case("7.1.3", at_once(close(), frame(PING)), codes=(1000,))
    yield Case("7.1.4", at_once(close(), frame(*text)), codes=(1000,))
    unfinished = [frame(TEXT, b"1", fin=False), close(), frame(CONT, b"2")]
    yield Case("7.1.5", at_once(*unfinished), codes=(1000, 1002))
    yield Case(
        "7.1.6", at_once(frame(*big), frame(*text), close(), frame(PING)), [big, text], (1000,), may_omit=2
    )
    yield Case("7.3.1", [close(None)], codes=(NO_CODE,))
    yield Case("7.3.2", [frame(CLOSE, b"a")], codes=(1002,))
    yield Case("7.3.3", [close(1000)], codes=(1000,))
    yield Case("7.3.4", [close(1000, b"Hello World!")], codes=(1000,))
    yield Case("7.3.5", [close(1000, b"*" * 123)], codes=(1000,))
    yield Case("7.3.6", [close(1000, b"*" * 124)], codes=(1002,))
    yield Case("7.5.1", [close(1000, GREEK + b"\xed\xa0\x80edited")], codes=(1007,))
    good = (*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999)
    for number, code in enumerate(good, 1):
        yield Case(f"7.7.{number}", [close(code)], codes=(code,))
    for number, code in enumerate((0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999), 1):
        yield Case(f"7.9.{number}", [close(code)], codes=(1002,))
    for number, code in enumerate((5000, 0xFFFF), 1):  # (of which the RFC says nothing)
        yield Case(f"7.13.{number}", [close(code)], codes=(1002, code))


def limits() -> Iterator[Case]:
    """9: long messages, in one frame, in fragments and in chops; and many short ones, there and back."""
    for kind, opcode, byte in ((0, TEXT, b"*"), (1, BINARY, b"\xfe")):
        for number, size in enumerate((64 * KIB, 256 * KIB, MIB, 4 * MIB), 1):
            message = (opcode, byte * size)
            yield Case(f"9.{1 + kind}.{number}", [frame(*message)], [message])
        message = (opcode, byte * MIB)
        for number, power in enumerate(range(6, 21, 2), 1):
            sent = at_once(*fragments(opcode, sliced(message[1], 1 << power)))
            yield Case(f"9.{3 + kind}.{number}", sent, [message])
        message = (opcode, byte * 256 * KIB)
        for number, power in enumerate(range(6, 12), 1):
            yield Case(f"9.{5 + kind}.{number}", chopped(1 << power, frame(*message)), [message])
        for number, size in enumerate((0, 16, 64, 256, KIB, 4 * KIB), 1):
            message = (opcode, byte * size)
            yield Case(f"9.{7 + kind}.{number}", [frame(*message)], [message], turns=100)


def miscellaneous() -> Iterator[Case]:
    """10: a message in fragments of a size of no particular kind."""
    message = (TEXT, b"*" * 64 * KIB)
    yield Case("10.1.1", fragments(TEXT, sliced(message[1], 1300)), [message])


SECTIONS = (
    framing,
    pings,
    reserved_bits,
    opcodes,
    fragmentation,
    utf_8,
    closing,
    limits,
    miscellaneous,
)
