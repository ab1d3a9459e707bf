"""Makes first inputs of the targets, most from the golden exchanges, one folder a target.

They are where a campaign begins; what is committed is what is left of them and of what campaigns
found, after `./dev fuzz --minimize`.
"""

import re
import struct
import sys
from pathlib import Path

from targets import ROOT

COOKIE = b"0123456789abcdef0123456789abcdef"
# As in stream.cpp, in nanoseconds.
SECOND = 1_000_000_000
WAITS = [0, 1, 10**6, 10**7, 249 * 10**6, 250 * 10**6, SECOND - 1, SECOND, 2 * SECOND, 4 * SECOND,
         5 * SECOND - 1, 5 * SECOND, 60 * SECOND, 60 * SECOND - 1, 20 * SECOND, 30 * SECOND - 1,
         30 * SECOND, 24 * SECOND + 1, 3600 * SECOND, 60 * SECOND + 1]
UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND,
         "d": 86400 * SECOND}
EVENT = b"\xf5"
# What fits into an input of `arrivals`: options and thirteen steps.
ARRIVALS_BYTES = 12 + 13 * 16


def unescaped(text):
    def byte(match):
        code = match.group(1)
        if code[0] == "x":
            return chr(int(code[1:], 16))
        return {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\"}[code]
    latin = text.encode().decode("latin-1")
    return re.sub(r"\\(x[0-9a-f]{2}|.)", byte, latin).encode("latin-1")


def wire_bytes(text):
    """The bytes of an exchange's line; of what stands in braces, one that fits."""
    def braces(match):
        inside = match.group(1)
        if times := re.fullmatch(r"(\d+) x (.*)", inside):
            return times.group(2) * int(times.group(1))
        if "cookie" in inside:
            return COOKIE.decode()
        return inside.split(": ", 1)[1]
    return unescaped(re.sub(r"\{([^}]*)\}", braces, text))


def exchanges():
    for path in sorted((ROOT / "tests/golden").glob("*.md")):
        for block in re.findall(r"```exchange\n(.*?)```", path.read_text(), re.S):
            yield [line for line in block.splitlines() if line and not line.startswith("#")]


def steps(exchange):
    """(connection, what, argument) for each line that matters."""
    for line in exchange:
        if line.startswith("server "):
            continue
        connection = "A"
        if re.match(r"[A-Z][ ><]", line):
            connection, line = line[0], line[1:].lstrip(" ") if line[1] == " " else line[1:]
        if line[:2] in ("> ", "< "):
            yield connection, line[0], wire_bytes(line[2:])
        else:
            what, _, argument = line.partition(" ")
            yield connection, what, argument


def nanoseconds(text):
    number, unit = re.fullmatch(r"(\d+)([a-z]+)", text).groups()
    return int(number) * UNITS[unit]


def stream(exchange):
    """All its connections, one after the other as they take turns."""
    out, current = b"", "A"
    for connection, what, argument in steps(exchange):
        if what in (">", "eof", "reset") and connection != current:
            out, current = out + EVENT + b"o", connection
        if what == ">":
            out += argument
        elif what == "quiet":
            out += EVENT + b"q"
        elif what == "eof":
            out += EVENT + b"e"
        elif what == "wait":
            wait = nanoseconds(argument)
            nearest = min(range(len(WAITS)), key=lambda i: abs(WAITS[i] - wait))
            out += EVENT + b"q" + EVENT + bytes([nearest])
    return out


def requests(exchange):
    for connection, what, argument in steps(exchange):
        if what == ">":
            yield connection, argument


def framing_of(answer):
    if b"ContentLength" in answer:
        return 2
    return 1 if answer.endswith(b"\n") else 0


def fields(exchange):
    for _, text in requests(exchange):
        for line in text.split(b"\n"):
            yield line.rpartition(b": ")[2]
    for _, what, argument in steps(exchange):
        if what == "from":
            yield argument.encode()
        if what == "<":
            yield from re.findall(rb"'([^']*)'", argument)


def packed(*halves):
    """Half bytes, the lower one of each byte first, filled up to a record of eight bytes."""
    halves = list(halves) + [0] * (16 - len(halves))
    return bytes(low | high << 4 for low, high in zip(halves[::2], halves[1::2]))


METHODS = {b"Register": 0, b"KeepAlive": 2, b"Leave": 3, b"PQuery": 4}


def operations(exchange):
    """What it asks of the registry and of the sessions, as records of those two targets."""
    registry, sessions, nicks = b"", b"", {}
    for connection, what, argument in steps(exchange):
        client = ord(connection) - ord("A")
        if what == "wait":
            wait = nanoseconds(argument)
            registry += packed(5, {0: 0, 1: 6, 2: 9}[min(2, wait // (10 * SECOND))], 1)
            sessions += packed(11, client, min(15, wait // SECOND))
        elif what in ("eof", "reset"):
            sessions += packed(8 if what == "eof" else 9, client)
        elif what == ">":
            for head, nick in re.findall(rb"(\w+) P2Pv1[^\0]*?\n\n([^\n]*)", argument):
                if head not in METHODS:
                    sessions += packed(15, client, 2)
                    continue
                number = nicks.setdefault(nick, len(nicks))
                cookie = 7 if b"Cookie: new" in argument else 6 if b"Cookie" in argument else 0
                registry += packed(0, client % 4, 1, 1, 0, METHODS[head], number % 6, 0, cookie)
                headers = (1 if b"ContentLength" in argument else 0) + (
                    6 if cookie == 7 else 2 if cookie else 4 if b"Limit" in argument else 0)
                sessions += packed(0, client, 0, 0, METHODS[head], number % 4, headers)
    return registry, sessions


BASES = 6  # of store_bytes_fuzzer.cpp
PAGE = 16384  # of the database
FRAME = 24 + PAGE  # of its WAL, behind a header of 32


def edit(kind, offset, content=b""):
    return bytes([kind]) + offset.to_bytes(3, "little") + bytes([len(content)]) + content


def data_files():
    """Files that a store has written: whole, cut, damaged in either file, and others' files."""
    for base in range(BASES):
        choice = bytes([base])
        yield choice
        for bytes_left in (0, 1, 99, 100, PAGE - 1, PAGE, 2 * PAGE, 3 * PAGE, 4 * PAGE - 1):
            yield choice + edit(2, bytes_left)
        for bytes_left in (0, 31, 32, 56, 32 + FRAME - 1, 32 + FRAME, 32 + 2 * FRAME):
            yield choice + edit(3, bytes_left)
        for offset in (0, 16, 24, 28, 60, 68, 92, 100, 103, 105, PAGE, PAGE + 5, 2 * PAGE,
                       2 * PAGE + 8, 3 * PAGE, 4 * PAGE - 84):
            yield choice + edit(0, offset, b"\xff\x00\xff")
        for offset in (0, 12, 16, 24, 32, 36, 48, 56, 157, 32 + FRAME, 56 + FRAME, 60 + 2 * FRAME):
            damaged = choice + edit(1, offset, b"\x01\x02")
            yield damaged
            yield damaged + edit(6, 0)
        # One wrong byte, where there may be a row or a frame.
        for end_of_page in range(PAGE, 5 * PAGE + 1, PAGE):
            for before in (5, 30, 77, 150, 333, 1024, 2500, 4000, 8100, 16300):
                yield choice + edit(0, end_of_page - before, b"Z")
                yield choice + edit(1, end_of_page - before, b"Z")
    for text in (b"", b"SQLite format 3\0", b"nick,host,port\n", bytes(200)):
        yield b"\0" + edit(4, 0) + text


# As in tests/sim/event.h.
REQUESTS, PART, HALF_CLOSE, RESET, PASS, STORE, POWER_LOSS, RESTART = 0, 1, 2, 6, 13, 16, 19, 22


def schedule(exchange):
    """Who does something when, as events of a simulation, and a crash at the end."""
    events = b""
    for number, (connection, what, argument) in enumerate(steps(exchange)):
        kind = {">": REQUESTS, "eof": HALF_CLOSE, "reset": RESET, "wait": PASS,
                "quiet": PASS}.get(what)
        if kind == REQUESTS and not argument.endswith(b"\n"):
            kind = PART
        if kind is not None:
            choice = 0x1F000001 * (number + len(argument)) & 0xFFFFFFFF
            events += struct.pack("<BBHI", kind, ord(connection), len(argument), choice)
    for kind in (STORE, POWER_LOSS, RESTART):
        events += struct.pack("<BBHI", kind, 0, 3, 3)
    return events


def seeds():
    """(target, input) of everything there is."""
    for data in data_files():
        yield "store_bytes", data
    for number, exchange in enumerate(exchanges()):
        text = stream(exchange)
        yield "split", text
        yield "session_model", text
        for _, request in requests(exchange):
            yield "text_request", b"\x80" + request
        for _, what, answer in steps(exchange):
            if what == "<":
                choice = bytes([framing_of(answer), 200, 128, number % 50])
                yield "response", choice + answer
        for field in fields(exchange):
            yield "field", field
        registry, sessions = operations(exchange)
        for options in range(4):
            choices = struct.pack("<I", 0x01000000 * options + 0x0121 * (number + options))
            yield "registry_model", choices + registry
            yield "sessions", choices + sessions
            yield "arrivals", (3 * choices + sessions)[:ARRIVALS_BYTES]
        yield "simulation", struct.pack("<Q", number) + schedule(exchange)


def write(folder):
    """Writes them below `folder`, and returns how many."""
    written = set()
    for target, data in seeds():
        if not data or (target, data) in written:
            continue
        written.add((target, data))
        path = Path(folder) / target
        path.mkdir(parents=True, exist_ok=True)
        (path / f"golden-{len(written)}").write_bytes(data)
    return len(written)


if __name__ == "__main__":
    print(write(sys.argv[1]), "inputs")
