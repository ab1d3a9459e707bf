"""What is measured. Each experiment prints its tables and returns its raw data.

Servers take turns within each round, and begin with another one in each, so that whatever else the
machine does meanwhile meets all of them alike. What is told is the median of the rounds.
"""

import contextlib
import os
import resource
import socket
import statistics
import sys
import time

import pauses
import servers
import table
from load import median, ratio

# Parts of what a server can do that are offered to it, where its latency is looked at.
OFFERED_PARTS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9)
TAIL_PART = 0.7
OVERLOAD = 2
# On a connection, where more is offered than can be served. Where less is, there is room for all that
# has to wait when the machine pauses: with 64, a connection that was late once would stay late.
OVERLOAD_IN_FLIGHT = 64
# Servers that know nobody: how fast any could be.
YARDSTICKS = ("do-nothing", "bare-list")


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


def turns(things, first):
    """All of them, beginning with another one each round."""
    first %= len(things)
    return things[first:] + things[:first]


def memory_starters(options, load, peers):
    """How to start each server that keeps its list in memory, by name."""
    starters = {name: lambda answer_bytes=0, name=name: servers.do_nothing(
        options.do_nothing, options.server_core, name, load.line_feeds(), answer_bytes,
        peers if name == "bare-list" else 0) for name in YARDSTICKS}
    for name, program in options.rollcallds.items():
        starters[name] = lambda name=name, program=program: servers.rollcall(
            program, options.server_core, peers, ["--memory"], name)
    if load.method != "pquery":
        starters["redis"] = lambda: servers.redis(options.server_core, ["--appendonly", "no"])
        starters["memcached"] = lambda: servers.memcached(options.server_core)
    return {name: starters[name] for name in starters if name in options.servers}


def start_filled(stack, options, load, peers):
    """All of them, with all peers in them. The yardsticks come first and answer as many bytes as
    Rollcall does."""
    starters = memory_starters(options, load, peers)
    yardsticks = [starters.pop(name) for name in YARDSTICKS if name in starters]
    running = []
    for name, start in starters.items():
        server = stack.enter_context(start())
        say(f"filling {name} with {peers:,} peers")
        load.fill(server, peers)
        running.append(server)
    answer_bytes = 0
    if yardsticks and running and load.method == "pquery":
        answer_bytes = round(load.measure(running[0], peers, 0.2)["answer_bytes"])
    return [stack.enter_context(start(answer_bytes)) for start in yardsticks] + running


def measure_closed(running, options, load, peers):
    """By server and requests in flight, a result for each round."""
    results = {server.name: {n: [] for n in options.in_flight} for server in running}
    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}")
        for in_flight in options.in_flight:
            for server in turns(running, number):
                results[server.name][in_flight].append(
                    load.measure(server, peers, options.seconds, "--in-flight", in_flight))
    return results


def print_closed(results, options, load, ours):
    """`ours` are the servers that are compared with all others: the more, the better."""
    columns = [f"× {n} in flight" for n in options.in_flight]

    def rows(cell):
        return [[name, *(cell(by[n]) for n in options.in_flight)] for name, by in results.items()]

    def ratios(key, is_inverse):
        found = []
        for name in ours:
            for other in results:
                if other == name:
                    continue
                one, two = (other, name) if is_inverse else (name, other)
                found.append([f"{one} / {two}",
                              *(f"{ratio(results[one][n], results[two][n], key):.2f}"
                                for n in options.in_flight)])
        return found

    what = load.method + (f" with Limit: {load.limit}" if load.limit else "")
    print(table.markdown(f"{what}, requests a second", columns,
                         rows(lambda r: table.rate(median(r, "per_second")))
                         + ratios("per_second", False)))
    print(table.markdown("processor time a request (share of the core)", columns,
                         rows(lambda r: f"{median(r, 'server_ns'):,.0f} ns "
                                        f"({100 * median(r, 'server_busy'):.0f} %)")
                         + ratios("server_ns", True)))
    print(table.markdown("median and 99th percentile of the latency", columns,
                         rows(lambda r: f"{table.time(median(r, 'p50'))}, "
                                        f"{table.time(median(r, 'p99'))}")))


def throughput(options, load):
    """How many requests a second, over requests in flight."""
    with contextlib.ExitStack() as stack:
        running = start_filled(stack, options, load, options.peers)
        results = measure_closed(running, options, load, options.peers)
    print_closed(results, options, load, [name for name in options.rollcallds if name in results])
    return results


def latency(options, load):
    """How long requests take, over the rate at which they come."""
    peers = options.peers
    with contextlib.ExitStack() as stack:
        running = start_filled(stack, options, load, peers)
        capacity = {}
        for server in running:
            runs = [load.measure(server, peers, options.seconds, "--in-flight", 64)
                    for _ in range(3)]
            capacity[server.name] = median(runs, "per_second")
        loads = [*OFFERED_PARTS, OVERLOAD]
        results = {server.name: {part: [] for part in loads} for server in running}
        lost = []
        for number in range(options.rounds):
            say(f"latency, round {number + 1} of {options.rounds}")
            lost.append(pauses.watch([options.server_core, options.client_core], options.seconds))
            for part in loads:
                for server in turns(running, number):
                    rate = max(1, round(part * capacity[server.name]))
                    room = ["--in-flight", OVERLOAD_IN_FLIGHT] if part == OVERLOAD else []
                    run = load.measure(server, peers, options.seconds, "--rate", rate, *room)
                    results[server.name][part].append({"rate": rate, **run})
    print_latency(results, capacity, lost)
    return {"capacity": capacity, "results": results, "pauses": lost}


def print_latency(results, capacity, lost):
    rows = [["no server, only the machine's pauses", "",
             *(table.time(statistics.median(pauses.wait_us(each, quantile, TAIL_PART)
                                            for each in lost)) for quantile in (0.5, 0.99, 0.999)),
             "", ""]]
    for name, by_part in results.items():
        tail = by_part[TAIL_PART]
        over = by_part[OVERLOAD]
        rows.append([name, table.rate(capacity[name]),
                     *(table.time(median(tail, key)) for key in ("p50", "p99", "p99.9")),
                     f"{100 * median(over, 'per_second') / capacity[name]:.0f} %",
                     table.time(median(over, "sent_p99"))])
    print(table.markdown(
        "open loop, 50 connections", [
            "capacity, × 64 in flight", f"p50 at {100 * TAIL_PART:.0f} %", "p99", "p99.9",
            f"answered of it at {100 * OVERLOAD} %", "p99 since sent"], rows))


def scale(options, load):
    """What a request and a peer cost, over the number of peers."""
    sizes = [10 ** power for power in range(3, 9) if 10 ** power <= options.peers_max]
    results = {}
    for peers in sizes:
        for name, start in memory_starters(options, load, peers).items():
            say(f"{name} with {peers:,} peers")
            with start() as server:
                empty = server.resident_bytes()
                load.fill(server, peers)
                filled = server.resident_bytes()
                runs = [load.measure(server, peers, options.seconds, "--in-flight", 64)
                        for _ in range(options.rounds)]
            results.setdefault(name, {})[peers] = {"bytes": filled - empty, "runs": runs}
    columns = [f"{peers:,} peers" for peers in sizes]
    print(table.markdown("processor time a request", columns, [
        [name, *(f"{median(by[n]['runs'], 'server_ns'):,.0f} ns" for n in sizes)]
        for name, by in results.items()]))
    print(table.markdown("memory a peer", columns, [
        [name, *(f"{by[n]['bytes'] / n:,.0f} bytes" for n in sizes)]
        for name, by in results.items() if name not in YARDSTICKS]))
    return results


def sync_us(directory, times=200):
    """The median time that the file system takes to sync an appended 4 KiB."""
    path = os.path.join(directory, "sync")
    taken = []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        for _ in range(times):
            os.write(file, b"\0" * 4096)
            start = time.perf_counter()
            os.fdatasync(file)
            taken.append(time.perf_counter() - start)
    finally:
        os.close(file)
        os.remove(path)
    return 1e6 * sorted(taken)[times // 2]


def is_answered(connection):
    try:
        connection.sendall(b"KeepAlive P2Pv1\n\nnobody\n")
        return connection.recv(256).startswith(b"Response ")
    except OSError:
        return False


def idle(options, _load):
    """What connections take that say nothing, and whether they are still there after a while."""
    wanted = options.idle_connections
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    results = {}
    for name, program in options.rollcallds.items():
        say(f"holding {wanted:,} connections to {name} for {options.hold:g} s")
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(servers.rollcall(
                program, options.server_core, options.peers,
                ["--memory", "--idle-timeout", "1d", "--connections-max", str(wanted + 1),
                 "--connections-per-host-max", str(wanted + 1)], name))

            def connect():
                connection = stack.enter_context(
                    socket.create_connection(("127.0.0.1", server.port), servers.PATIENCE_SECONDS))
                if not is_answered(connection):
                    raise servers.Failure(f"{name} does not answer")
                return connection

            connect()  # what the server takes for the first one alone is not counted
            before = server.resident_bytes()
            connections = [connect() for _ in range(wanted)]
            taken = (server.resident_bytes() - before) / wanted
            time.sleep(options.hold)
            results[name] = {"connections": wanted, "seconds": options.hold, "bytes": taken,
                             "dropped": sum(not is_answered(each) for each in connections)}
    print(table.markdown(f"{wanted:,} idle connections, {options.hold:g} s",
                         ["bytes of the process each", "dropped"],
                         [[name, f"{result['bytes']:,.0f}", f"{result['dropped']}"]
                          for name, result in results.items()]))
    return results


def durable_starters(options, directory):
    """How to start each server, with a directory of its own where it has files."""
    def rollcall(name, program, *more):
        own = os.path.join(directory, name.replace(" ", "_"))
        os.makedirs(own)
        return servers.rollcall(program, options.server_core, options.peers,
                                ["--data", os.path.join(own, "rollcall.db"), *more], name, own)

    def redis():
        own = os.path.join(directory, "redis")
        os.makedirs(own)
        return servers.redis(options.server_core,
                             ["--appendonly", "yes", "--appendfsync", "always"], "redis", own)

    starters = {}
    for name, program in options.rollcallds.items():
        for durability in ("sync", "async"):
            each = f"{name} {durability}"
            starters[each] = lambda each=each, program=program, durability=durability: rollcall(
                each, program, "--durability", durability)
        each = f"{name} memory"
        starters[each] = lambda each=each, program=program: servers.rollcall(
            program, options.server_core, options.peers, ["--memory"], each)
    if "redis" in options.servers:
        starters["redis"] = redis
    return starters


def durable(options, load, directory):
    """Throughput when an answer says that a change is on disk; files are in `directory`."""
    before = sync_us(directory)
    with contextlib.ExitStack() as stack:
        running = []
        for name, start in durable_starters(options, directory).items():
            server = stack.enter_context(start())
            say(f"filling {name} with {options.peers:,} peers")
            load.fill(server, options.peers)
            running.append(server)
        results = measure_closed(running, options, load, options.peers)
    after = sync_us(directory)
    print_closed(results, options, load,
                 [name for name in results if name.endswith(" sync")])
    print(f"A sync of 4 KiB took {table.time(before)} before and {table.time(after)} after "
          "(medians).\n")
    return {"sync_us": [before, after], "results": results}
