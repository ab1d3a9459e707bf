"""The servers that are compared: how each is started, found ready, and ended."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

PATIENCE_SECONDS = 60


class Failure(Exception):
    """Something that a person has to be told, in one line."""


class Server:
    """A server process on a port of 127.0.0.1, pinned to a core, and ended with its `with` block.

    `protocol` is what rollcall-load is to speak with it. Its port is `port`, or what `ready` finds in
    its output. A `directory` that it writes to is removed in the end.
    """

    def __init__(self, name, protocol, command, core, *, port=None, ready=None, directory=None):
        self.name = name
        self.protocol = protocol
        self.directory = directory
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(["taskset", "-c", str(core), *command],
                                        stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=subprocess.STDOUT)
        try:
            self.port = self.await_ready(port, ready)
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def await_ready(self, port, ready):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if port is None:
                found = re.search(ready, self.text(), re.MULTILINE)
                if found:
                    return int(found.group(1))
            else:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    return port
                except OSError:
                    pass
            time.sleep(0.01)
        last = (self.text().strip().splitlines() or ["it said nothing"])[-1]
        raise Failure(f"{self.name} did not start: {last}")

    def text(self):
        """What it has written so far."""
        size = os.fstat(self.output.fileno()).st_size
        return os.pread(self.output.fileno(), size, 0).decode(errors="replace")

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def rollcall(program, core, peers, options, name="rollcall", directory=None):
    """A rollcalld with one thread, where all the peers may be of one host."""
    command = [program, "--listen", "127.0.0.1:0", "--threads", "1",
               "--peers-per-host-max", str(peers), *options]
    return Server(name, "rollcall", command, core, ready=r"ready on .*:(\d+)$",
                  directory=directory)


def do_nothing(program, core, name, line_feeds, answer_bytes, peers):
    """`line_feeds` are a request; an answer is filled up to so many bytes; with `peers` it waits for
    memory as a list of so many does."""
    command = [program, *map(str, (0, line_feeds, answer_bytes, peers))]
    return Server(name, "lines", command, core, ready=r"^(\d+)$")


def redis(core, options, name="redis", directory=None):
    port = free_port()
    # Each connection of rollcall-load has an address of its own, as 127.1.0.7, which Redis takes for
    # a stranger in its protected mode.
    command = ["redis-server", "--bind", "127.0.0.1", "--protected-mode", "no",
               "--port", str(port), "--save", "", *options]
    if directory:
        command += ["--dir", directory]
    return Server(name, "redis", command, core, port=port, directory=directory)


def memcached(core):
    """With one thread, and room for more than it is given, so that it throws nothing away."""
    port = free_port()
    command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", "1", "-m", "16384"]
    if os.geteuid() == 0:
        command += ["-u", "root"]
    return Server("memcached", "memcached", command, core, port=port)
