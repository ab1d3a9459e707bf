"""Runs of rollcall-load, and what is made of their results."""

import json
import statistics
import subprocess

from servers import Failure

LINE_FEEDS = {"register": 4, "keepalive": 3, "pquery": 3}


class Load:
    """Asks servers from one core, always on the same connections about the same peers.

    `method` is what is measured, and `limit` that of a pquery.
    """

    def __init__(self, program, core, connections, method="register", limit=0):
        self.program = program
        self.core = core
        self.connections = connections
        self.method = method
        self.limit = limit

    def line_feeds(self):
        """Of a request."""
        return LINE_FEEDS[self.method] + (1 if self.limit else 0)

    def run(self, server, peers, *options):
        command = ["taskset", "-c", str(self.core), self.program,
                   "--server", f"127.0.0.1:{server.port}", "--protocol", server.protocol,
                   "--server-process", str(server.process.pid),
                   "--connections", str(self.connections), "--peers", str(peers), "--json", "-",
                   *map(str, options)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"{server.name}: {done.stderr.strip()} ({' '.join(command)})")
        return json.loads(done.stdout)

    def fill(self, server, peers):
        """Registers each peer once."""
        if server.protocol != "lines":
            self.run(server, peers, "--in-flight", 64, "--seconds", 0)

    def measure(self, server, peers, seconds, *options):
        """The result of asking for `seconds` about peers that are registered."""
        mix = ["--mix", f"{self.method}=1", *(["--limit", self.limit] if self.limit else [])]
        done = self.run(server, peers, "--registered", "--warmup", min(0.3, seconds),
                        "--seconds", seconds, *mix, *options)
        if "played" not in done:
            raise Failure(f"{server.name} answered nothing in {seconds} s")
        return summary(done["played"])


def summary(played):
    """Of a result, what tables and figures are made of. Durations are in microseconds."""
    seconds = played["seconds"]
    answers = played["answers"]
    server_seconds = played["server_processor_seconds"]
    result = {
        "per_second": played["per_second"],
        "server_ns": 1e9 * server_seconds / answers,
        "server_busy": server_seconds / seconds,
        "client_busy": played["processor_seconds"] / seconds,
        "answer_bytes": played["answer_bytes"] / answers,
    }
    latencies = {"": "latency_us", "sent_": "since_sent_us"}
    for prefix, name in latencies.items():
        for quantile, value in played.get(name, {}).items():
            if quantile != "histogram":
                result[prefix + quantile] = value
    if "unsent" in played:
        result["unsent"] = played["unsent"]
    return result


def median(results, key):
    return statistics.median(result[key] for result in results)


def ratio(results, others, key):
    """The median over the rounds of what one server had for each of the other."""
    return statistics.median(a[key] / b[key] for a, b in zip(results, others))
