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
         "tests/support"]
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
    ("engine/registry/extendible_table", ["table", "many_peers"]),
    ("engine/registry/peer_listing", ["listing", "many_peers", "registry_model"]),
    ("engine/registry", ["registry_model", "many_peers", "durability"]),
    ("engine/", ["session_model", "sessions", "durability", "split"]),
    ("store/record", ["record", "durability"]),
    ("store/lease_clock", ["record", "durability"]),
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
    return subprocess.run(["patch", "--batch", "--forward", "-p1", "-d", str(root), "-i",
                           str(patch), *options], capture_output=True, text=True)


# ---- Whether all of them apply ----

def check():
    """Whether there are enough patches, each says what the mistake is, and each applies."""
    fine = True
    if len(patches()) <= 40:
        say("there should be more than forty planted bugs")
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


class Search:
    """Runs targets side by side until one of them notices."""

    def __init__(self, jobs):
        self.jobs = jobs
        self.running = set()
        self.caught = None
        self.start = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.start

    def attempt(self, name, options):
        """Whether this target notices. Its corpus is replayed first, whatever the options."""
        if self.caught is not None:
            return False
        work = WORK / name
        work.mkdir(parents=True, exist_ok=True)
        command = [str(targets.program(name, PRESET, COPY)),
                   *targets.options(name, work, COPY), *options, str(work / "corpus"),
                   str(targets.corpus(name))]
        (work / "corpus").mkdir(exist_ok=True)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.running.add(process)
        if self.caught is not None:
            process.kill()
        code = process.wait()
        self.running.discard(process)
        if code == 0 or self.caught is not None:
            return False
        self.caught = name
        self.found_after = self.seconds()
        for other in list(self.running):
            other.kill()
        return True

    def attempt_all(self, tasks):
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            return list(pool.map(lambda task: self.attempt(*task), tasks))


def search(names, patch, seconds, jobs):
    """(target, how, seconds) of the first that notices; the target is empty if none does."""
    shutil.rmtree(WORK, ignore_errors=True)
    names = in_order(names, changed_files(patch)[0])
    hunt = Search(jobs)
    hunt.attempt_all([(name, ["-runs=0"]) for name in names])
    if hunt.caught:
        return hunt.caught, "corpus", hunt.found_after
    start = hunt.seconds()
    turn = 1
    while hunt.seconds() < start + seconds and not hunt.caught:
        left = start + seconds - hunt.seconds()
        slice_seconds = max(1, min(SLICE_SECONDS, round(left)))
        hunt.attempt_all([(name, [f"-max_total_time={slice_seconds}", f"-seed={turn}"])
                          for name in names[:max(2, len(names) // 2)]])
        turn += 1
    if hunt.caught:
        return hunt.caught, "fuzzing", hunt.found_after
    return "", "", hunt.seconds()


def build(names):
    return targets.build(PRESET, COPY, [f"{name}_fuzzer" for name in names], quiet=True)


def try_patch(names, patch, seconds, jobs):
    with Planted(patch):
        if not build(names):
            return "", "does not compile", 0
        return search(names, patch, seconds, jobs)


def all_notice(names, patch, jobs):
    """Whether every target notices the canary: those that do not."""
    with Planted(patch):
        if not build(names):
            return list(names)
        return [name for name in names if not Search(jobs).attempt(name, ["-runs=0"])]


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
    caught, _, _ = search(names, PLANTED / f"{CANARY}.patch", 0, jobs)
    if caught:
        say(f"{caught} finds something in the tree as it is")
        return False
    blind = all_notice(names, by_name[CANARY], jobs)
    if blind:
        say(f"the canary is missed by {', '.join(blind)}")
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
