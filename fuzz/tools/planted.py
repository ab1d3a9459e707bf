"""Planted bugs: whether the fuzzers find what is there.

Each patch in fuzz/planted is a mistake. It is applied to a copy of the tree below build/, the targets
are built anew, and replay their corpora, then fuzz from them, until one of them notices. Nobody may
notice anything in a tree without a mistake, and everybody must notice the canary.
"""

import concurrent.futures
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import targets
from targets import ROOT, say

PLANTED = ROOT / "fuzz" / "planted"
COPY = ROOT / "build" / "planted" / "tree"
WORK = ROOT / "build" / "planted" / "work"
PRESET = "fuzz-fast"
CANARY = "canary"
# What the targets are made of.
PARTS = ["CMakeLists.txt", "CMakePresets.json", "engine", "transport", "store", "fuzz",
         "tests/sim", "tests/support"]
# How long a target fuzzes before another one has its turn.
SLICE_SECONDS = 6
# Who is likely to notice: these come first for a patch of a file whose path begins so.
LIKELY = [
    ("engine/wire/text_response", ["sessions", "session_model"]),
    ("engine/wire/response_parser", ["response"]),
    ("engine/wire/address_text", ["field"]),
    ("engine/wire/fields", ["field", "text_request"]),
    ("engine/wire/text_request", ["text_request", "split"]),
    ("engine/session", ["session_model", "split", "sessions"]),
    ("engine/host_address", ["many_peers", "registry_model"]),
    ("engine/cookie", ["registry_model", "durability"]),
    ("engine/deadline_queue", ["deadlines", "session_model"]),
    ("engine/output_buffer", ["output", "durability"]),
    ("engine/held_answers", ["durability", "sessions"]),
    ("engine/random", ["many_peers", "registry_model"]),
    ("engine/registry/expiry_wheel", ["many_peers", "registry_model"]),
    ("engine/registry/client_entry", ["registry_model", "many_peers"]),
    ("engine/registry/extendible_table", ["table", "many_peers"]),
    ("engine/registry/peer_listing", ["listing", "many_peers", "registry_model"]),
    ("engine/registry", ["registry_model", "many_peers", "durability"]),
    ("engine/engine", ["arrivals", "durability", "split", "many_peers", "sessions"]),
    ("engine/", ["session_model", "sessions", "durability", "split"]),
    ("store/record", ["record", "durability"]),
    ("store/lease_clock", ["record", "durability"]),
    ("store/sqlite", ["store_bytes"]),
    ("store/", ["durability", "record"]),
]


def patches():
    return sorted(PLANTED.glob("*.patch"))


def mistake(patch):
    return patch.read_text().partition("\n")[0]


def changed_files(patch):
    return [line[len("+++ b/"):] for line in patch.read_text().splitlines()
            if line.startswith("+++ b/")]


def apply(patch, root, *options):
    return subprocess.run(["patch", "--batch", "--forward", "--fuzz=0", "-p1", "-d", str(root), "-i",
                           str(patch), *options], capture_output=True, text=True)


# ---- Whether all of them apply ----

def check():
    """Whether there are enough patches, each says what the mistake is, and each applies."""
    fine = True
    if len(patches()) <= 90:
        say("there should be more than ninety planted bugs")
        fine = False
    if CANARY not in {patch.stem for patch in patches()}:
        say("there is no canary")
        fine = False
    for patch in patches():
        if not mistake(patch).endswith("."):
            say(f"{patch.name} does not say what the mistake is")
            fine = False
        done = apply(patch, ROOT, "--dry-run")
        if done.returncode != 0:
            say(f"{patch.name} does not apply:\n{done.stdout}")
            fine = False
    return fine


# ---- The copy ----

def sync():
    """Brings the copy to what the tree is, and leaves alone what is the same, so that little is
    compiled."""
    wanted = set()
    for part in PARTS:
        source = ROOT / part
        files = [source] if source.is_file() else source.rglob("*")
        for path in files:
            relative = path.relative_to(ROOT)
            if not path.is_file() or relative.parts[:2] in (("fuzz", "corpus"),
                                                            ("fuzz", "planted")):
                continue
            wanted.add(relative)
            to = COPY / relative
            if to.exists() and to.read_bytes() == path.read_bytes():
                continue
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
    for path in list(COPY.rglob("*")):
        relative = path.relative_to(COPY)
        if path.is_file() and relative.parts[0] != "build" and relative not in wanted:
            path.unlink()


class Planted:
    """A copy that has the mistake as long as this lasts."""

    def __init__(self, patch):
        self.patch = patch

    def __enter__(self):
        done = apply(self.patch, COPY)
        if done.returncode != 0:
            raise RuntimeError(f"{self.patch.name} does not apply:\n{done.stdout}")

    def __exit__(self, *_):
        for file in changed_files(self.patch):
            shutil.copyfile(ROOT / file, COPY / file)
        for leftover in [*COPY.glob("engine/**/*.orig"), *COPY.glob("store/**/*.orig")]:
            leftover.unlink()


# ---- The search ----

def in_order(names, file):
    """Those first who are likely to notice a mistake in this file."""
    likely = next((first for prefix, first in LIKELY if file.startswith(prefix)), [])
    return sorted(names, key=lambda name: likely.index(name) if name in likely else len(likely))


class Hunt:
    """Targets that run side by side until one of them notices."""

    def __init__(self):
        self.running = set()
        self.caught = ""
        self.start = time.monotonic()
        self.seconds = 0.0

    def attempt(self, name, options):
        """Its corpus is replayed first, whatever the options."""
        if self.caught:
            return
        work = WORK / name
        (work / "corpus").mkdir(parents=True, exist_ok=True)
        command = [str(targets.program(name, PRESET, COPY)),
                   *targets.options(name, work, COPY), *options, str(work / "corpus"),
                   str(targets.corpus(name))]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.running.add(process)
        if self.caught:
            process.kill()
        code = process.wait()
        self.running.discard(process)
        if self.caught:
            return
        self.seconds = time.monotonic() - self.start
        if code == 0:
            return
        self.caught = name
        for other in list(self.running):
            other.kill()


class Search:
    """The search for one mistake. Only the time in which targets run counts."""

    def __init__(self, jobs):
        self.jobs = jobs
        self.seconds = 0.0

    def replay(self, names):
        return self.hunt([(name, ["-runs=0"]) for name in names])

    def fuzz(self, names, seconds):
        """By turns, until so many seconds are over."""
        end = self.seconds + seconds
        turn = 1
        while (left := end - self.seconds) > 0:
            slice_seconds = max(1, min(SLICE_SECONDS, round(left)))
            options = [f"-max_total_time={slice_seconds}", f"-seed={turn}"]
            for first in range(0, len(names), self.jobs):
                if name := self.hunt([(name, options) for name in names[first:first + self.jobs]]):
                    return name
                if self.seconds >= end:
                    break
            turn += 1
        return ""

    def hunt(self, tasks):
        """The target that notices; empty if none does."""
        hunt = Hunt()
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(lambda task: hunt.attempt(*task), tasks))
        self.seconds += hunt.seconds
        return hunt.caught


def build(names):
    return targets.build(PRESET, COPY, [f"{name}_fuzzer" for name in names], quiet=True)


def try_patch(names, patch, seconds, jobs):
    """(target, how, seconds) of the first that notices; the target is empty if none does. Those who
    are likely to notice are built first, because building takes longer than anything else."""
    shutil.rmtree(WORK, ignore_errors=True)
    names = in_order(names, changed_files(patch)[0])
    search = Search(jobs)
    with Planted(patch):
        for some in (names[:2], names[2:]):
            if not build(some):
                return "", "does not compile", 0
            if name := search.replay(some):
                return name, "corpus", search.seconds
        name = search.fuzz(names, seconds)
        return name, "fuzzing" if name else "", search.seconds


def blind(names, patch, jobs):
    """Those that do not notice the canary."""
    with Planted(patch):
        if not build(names):
            return list(names)
        return [name for name in names if not Search(jobs).replay([name])]


def run(chosen, seconds, jobs):
    """Tries the planted bugs of these names, or all. Whether each is caught and nothing else is."""
    by_name = {patch.stem: patch for patch in patches()}
    unknown = [name for name in chosen if name not in by_name]
    if unknown:
        say(f"there is no planted bug {', '.join(unknown)}")
        return False
    names = targets.names()
    sync()
    targets.configure(PRESET, COPY)
    say("building build/planted")
    if not build(names):
        return False
    if caught := Search(jobs).replay(names):
        say(f"{caught} finds something in the tree as it is")
        return False
    if missing := blind(names, by_name[CANARY], jobs):
        say(f"the canary is missed by {', '.join(missing)}")
        return False

    rows = []
    print(f"{'planted bug':<30} {'caught by':<16} {'from':<8} {'seconds':>7}", flush=True)
    for patch in patches():
        if patch.stem == CANARY or (chosen and patch.stem not in chosen):
            continue
        name, how, took = try_patch(names, patch, seconds, jobs)
        print(f"{patch.stem:<30} {name or '-':<16} {how or 'missed':<8} {took:>7.1f}", flush=True)
        rows.append((name, took))
    build(names)
    missed = sum(1 for name, _ in rows if not name)
    if rows:
        print(f"{len(rows)} planted, {missed} missed, "
              f"median {statistics.median(took for _, took in rows):.1f} s, "
              f"longest {max(took for _, took in rows):.1f} s")
    return missed == 0


if __name__ == "__main__":
    sys.exit(0 if check() else 1)
