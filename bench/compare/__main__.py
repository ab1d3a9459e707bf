"""Compares Rollcall with servers that do as much or nothing, on this machine, in one run.

Called by `./dev bench compare` and `./dev bench durable`, which build and install what it takes.
Prints tables, keeps the raw data in build/bench/, and draws docs/figures/.
"""

import argparse
import datetime
import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

import experiments
import figures
from load import LINE_FEEDS, Load
from servers import Failure

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = os.path.join(ROOT, "build", "release", "bin")
MEMORY_SERVERS = "do-nothing,bare-list,rollcall,redis,memcached"
PARTS = {"throughput": experiments.throughput, "latency": experiments.latency,
         "scale": experiments.scale, "idle": experiments.idle}


def numbers(text):
    return [int(number) for number in text.split(",")]


def named_program(text):
    name, _, program = text.partition("=")
    if not program:
        raise argparse.ArgumentTypeError(f"{text!r} is not like before=PROGRAM")
    return name, program


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.partition("\n")[0])
    cores = sorted(os.sched_getaffinity(0))
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--rounds", type=int, default=5, help="each is one run of each server [5]")
    common.add_argument("--seconds", type=float, default=1, help="of each run [1]")
    common.add_argument("--peers", type=int, default=1_000_000, help="distinct keys [1000000]")
    common.add_argument("--connections", type=int, default=50, help="[50]")
    common.add_argument("--in-flight", type=numbers, default=[1, 16, 64],
                        help="of each connection [1,16,64]")
    common.add_argument("--requests", choices=LINE_FEEDS, default="register",
                        help="what is measured, about peers that are registered [register]")
    common.add_argument("--limit", type=int, default=0, help="of a pquery [none]")
    common.add_argument("--servers", type=lambda text: text.split(","), default=None,
                        help=f"[{MEMORY_SERVERS}]")
    common.add_argument("--also", type=named_program, action="append", default=[],
                        metavar="NAME=PROGRAM", help="another rollcalld to compare; repeatable")
    common.add_argument("--programs", default=PROGRAMS, metavar="DIRECTORY",
                        help="where ours are [build/release/bin]")
    common.add_argument("--server-core", type=int, default=cores[0], help="[the first]")
    common.add_argument("--client-core", type=int, default=cores[-1], help="[the last]")
    common.add_argument("--results", default=os.path.join(ROOT, "build", "bench"),
                        metavar="DIRECTORY", help="for the raw data [build/bench]")
    common.add_argument("--figures", default=os.path.join(ROOT, "docs", "figures"),
                        metavar="DIRECTORY", help="empty for none [docs/figures]")
    commands = parser.add_subparsers(dest="command", required=True)
    compare = commands.add_parser("compare", parents=[common],
                                  help="with do-nothing, a bare list, Redis and memcached, in memory")
    compare.add_argument("--part", choices=PARTS, action="append",
                         help="only this; repeatable [all of them]")
    compare.add_argument("--peers-max", type=int, default=10_000_000,
                         help="up to where `scale` goes [10000000]")
    compare.add_argument("--idle-connections", type=int, default=10_000,
                         help="that `idle` opens; each takes a file here and one there [10000]")
    compare.add_argument("--hold", type=float, default=10, metavar="SECONDS",
                         help="for which `idle` says nothing on them [10]")
    durable = commands.add_parser("durable", parents=[common],
                                  help="with Redis, when each answer waits for the disk")
    durable.add_argument("--directory", default=None,
                         help="on the file system to measure [build/bench]")
    options = parser.parse_args()
    options.servers = options.servers or MEMORY_SERVERS.split(",")
    options.do_nothing = os.path.join(options.programs, "do_nothing_server")
    ours = [("rollcall", os.path.join(options.programs, "rollcalld"))]
    options.rollcallds = dict((ours if "rollcall" in options.servers else []) + options.also)
    options.servers += [name for name, _ in options.also]
    return options


def processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def versions(options):
    """What each program calls itself, as far as it is here."""
    commands = {name: [program, "--version"] for name, program in options.rollcallds.items()}
    commands |= {name: [name, "--version"] for name in ("redis-server", "memcached")}
    return {name: subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
            for name, command in commands.items() if shutil.which(command[0])}


def circumstances(options):
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": "./dev bench " + shlex.join(sys.argv[1:]),
        "processor": processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "load_average": os.getloadavg()[0],
        "versions": versions(options),
    }


def run(options):
    load = Load(os.path.join(options.programs, "rollcall-load"), options.client_core,
                options.connections, options.requests, options.limit)
    about = circumstances(options)
    print(f"{about['date'][:10]}, {about['processor']}, load average before {about['load_average']:.1f}:"
          f" `{about['command']}`\n")
    os.makedirs(options.results, exist_ok=True)
    raw = {**about}
    if options.command == "durable":
        with tempfile.TemporaryDirectory(dir=options.directory or options.results) as directory:
            raw["durable"] = experiments.durable(options, load, directory)
    else:
        for part in options.part or PARTS:
            raw[part] = PARTS[part](options, load)
    path = os.path.join(options.results, f"{options.command}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(raw, file, indent=1)
    experiments.say(f"the raw data is in {os.path.relpath(path)}")
    if options.figures:
        for figure in figures.draw(raw, options.figures, options.results):
            experiments.say(f"drew {os.path.relpath(figure)}")


def main():
    options = parse_arguments()
    # So that whoever ends this ends the servers as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        run(options)
    except Failure as failure:
        print(f"compare: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
