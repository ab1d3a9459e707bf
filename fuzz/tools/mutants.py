"""Generated mutants: whether the tests and the corpora notice that a line of engine/ is another.

Each mutant changes one thing in one line: an operator, a constant, a condition, or a statement that
is taken away. It is built in a copy of the tree below build/; the unit tests and the replays of the
corpora then have to fail. What survives is a missing test, dead code, or equivalent: those that are
known to be equivalent stand in fuzz/equivalent_mutants.txt, with the reason.

Left out are comments, asserts and `check_invariants`, prefetches, declarations, texts, and limits.h,
whose bounds the tests know by name.
"""

import concurrent.futures
import os
import queue
import random
import re
import shutil
import subprocess
from pathlib import Path

import planted
import targets
from targets import ROOT, say

WORK = ROOT / "build" / "mutants"
EQUIVALENT = ROOT / "fuzz" / "equivalent_mutants.txt"
PARTS = ["CMakeLists.txt", "CMakePresets.json", "engine", "transport", "store", "apps", "fuzz",
         "tests"]
NOT_MUTATED = {"engine/limits.h", "engine/assert.h", "engine/assert.cpp",
               "engine/registry/occupied.h"}  # for invariants only
SECONDS_MAX = 90  # a mutant that runs for longer is noticed

# Pairs of what stands there and what takes its place, each with spaces around it.
SWAPS = [
    ("<", "<="), ("<=", "<"), (">", ">="), (">=", ">"), ("==", "!="), ("!=", "=="),
    ("<", ">="), (">", "<="),
    ("+", "-"), ("-", "+"), ("*", "+"), ("/", "*"), ("%", "/"),
    ("&&", "||"), ("||", "&&"), ("&", "|"), ("|", "&"), ("<<", ">>"), (">>", "<<"),
    ("+=", "-="), ("-=", "+="), ("|=", "&="), ("&=", "|="),
]
# A call, an assignment, or a jump; nothing that declares.
STATEMENT = re.compile(r"^\s+(?!return|default|case)(?:\+\+|--|\*|\()?[\w\[\].>()*:&?-]+"
                       r"(?: [-+|&^]?= .*|\(.*\))?;$")


class Mutant:
    def __init__(self, file, number, kind, before, after):
        self.file, self.number, self.kind = file, number, kind
        self.before, self.after = before, after

    def key(self):
        return f"{self.file} | {self.before.strip()} | {self.after.strip()}"

    def __str__(self):
        return f"{self.file}:{self.number}: {self.before.strip()}  =>  {self.after.strip() or '(gone)'}"


# ---- Making them ----

def code_lines(text):
    """(number, line) of what may be mutated."""
    skipped_until = None
    in_assert = 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        indent = len(line) - len(line.lstrip())
        if skipped_until is not None:
            if line.startswith(" " * skipped_until + "}"):
                skipped_until = None
            continue
        if "check_invariants() const {" in line:
            skipped_until = indent
            continue
        if in_assert or "ROLLCALL_ASSERT(" in line or stripped.startswith("static_assert("):
            in_assert += line.count("(") - line.count(")")
            continue
        if (not stripped or stripped.startswith(("//", "#", "namespace", "using", "template"))
                or "prefetch" in line or "operator" in line):
            continue
        yield number, line


def code_of(line):
    """The line without a comment behind it."""
    at = line.find("  //")
    return line if at < 0 else line[:at]


def outside_strings(code, at):
    return code[:at].count('"') % 2 == 0 and code[:at].count("'") % 2 == 0


def replaced(line, first, last, text):
    return line[:first] + text + line[last:]


def closing(code, at):
    """Where the parenthesis that was opened before `at` is closed; None if on another line."""
    depth = 1
    for place in range(at, len(code)):
        depth += {"(": 1, ")": -1}.get(code[place], 0)
        if depth == 0:
            return place
    return None


def mutants_of(file, number, line):
    code = code_of(line)

    def mutant(kind, after):
        return Mutant(file, number, kind, line, after)

    for before, after in SWAPS:
        for found in re.finditer(rf"(?<= ){re.escape(before)}(?= )", code):
            if outside_strings(code, found.start()):
                yield mutant("operator", replaced(line, found.start(), found.end(), after))
    for found in re.finditer(r"(?<![\w.'])(\d+)u?(?![\w.'])", code):
        if outside_strings(code, found.start()) and "[" + found.group(1) + "]" not in code[
                max(0, found.start() - 1):found.end() + 1]:
            yield mutant("constant", replaced(line, found.start(1), found.end(1),
                                              str(int(found.group(1)) + 1)))
    for found in re.finditer(r"\b(true|false)\b", code):
        if outside_strings(code, found.start()):
            other = "false" if found.group(1) == "true" else "true"
            yield mutant("constant", replaced(line, found.start(), found.end(), other))
    for found in re.finditer(r"(?<![\w)])!(?=[\w(])", code):
        if outside_strings(code, found.start()):
            yield mutant("condition", replaced(line, found.start(), found.end(), ""))
    if found := re.match(r"\s*(?:\} else )?if \(", code):
        end = closing(code, found.end())
        if end and ";" not in code[:end]:
            condition = f"!({code[found.end():end]})"
            yield mutant("condition", replaced(line, found.end(), end, condition))
    if found := re.search(r"(?<![\w+])(\+\+|--)(?=\w)|(?<=\w)(\+\+|--)(?![\w+])", code):
        other = "--" if found.group(0) == "++" else "++"
        yield mutant("operator", replaced(line, found.start(), found.end(), other))
    is_body = file.endswith(".cpp") or re.match(r"\s{4}", code)
    if is_body and STATEMENT.match(code) and code.count("(") == code.count(")"):
        yield mutant("statement", "")


def all_mutants():
    found = []
    for path in sorted([*(ROOT / "engine").rglob("*.cpp"), *(ROOT / "engine").rglob("*.h")]):
        file = str(path.relative_to(ROOT))
        if file in NOT_MUTATED:
            continue
        for number, line in code_lines(path.read_text()):
            found += mutants_of(file, number, line)
    return found


def equivalents():
    if not EQUIVALENT.exists():
        return set()
    return {" | ".join(line.split(" | ")[:3]) for line in EQUIVALENT.read_text().splitlines()
            if line and not line.startswith("#")}


# ---- Trying them ----

class Tree:
    """A copy of the tree, with a build of its own."""

    def __init__(self, number):
        self.root = WORK / f"tree-{number}"
        self.build_folder = self.root / "build"
        for part in PARTS:
            source, to = ROOT / part, self.root / part
            if source.is_file():
                self.copy(source, to)
                continue
            wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
            for relative in wanted:
                self.copy(source / relative, to / relative)
            for path in [path for path in to.rglob("*") if path.is_file()]:
                if path.relative_to(to) not in wanted:
                    path.unlink()

    @staticmethod
    def copy(path, to):
        if to.exists() and to.read_bytes() == path.read_bytes():
            return
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)

    def environment(self):
        return {**os.environ, "CCACHE_BASEDIR": str(self.root), "CCACHE_NOHASHDIR": "1"}

    def configure(self):
        subprocess.run(["cmake", "-G", "Ninja", "-S", str(self.root), "-B", str(self.build_folder),
                        "-DCMAKE_CXX_COMPILER=clang++-19", "-DCMAKE_BUILD_TYPE=Release",
                        "-DCMAKE_CXX_FLAGS_RELEASE=-O1", "-DROLLCALL_TESTS=ON"],
                       check=True, stdout=subprocess.DEVNULL, env=self.environment())

    def build(self, programs):
        return subprocess.run(["cmake", "--build", str(self.build_folder), "--target",
                               *programs], capture_output=True,
                              env=self.environment()).returncode == 0

    def command(self, program):
        path = str(self.build_folder / "bin" / program)
        if program == "unit_tests":
            return [path, "--gtest_fail_fast", "--gtest_filter=-*Slow*", "--gtest_brief=1"]
        return [path, str(targets.corpus(program.removeprefix("replay_")))]

    def passes(self, programs):
        """Whether nobody notices anything."""
        for program in programs:
            try:
                done = subprocess.run([*self.command(program)], capture_output=True,
                                      timeout=SECONDS_MAX, stdin=subprocess.DEVNULL)
            except subprocess.TimeoutExpired:
                return False
            if done.returncode != 0:
                return False
        return True

    def judge(self, file):
        """What becomes of the tree as it stands. Those are built first who are likely to notice."""
        names = planted.in_order(targets.names(), file)
        programs = [*(f"replay_{name}" for name in names), "unit_tests"]
        for step in (programs[:2], programs[2:]):
            if not self.build(step):
                return "uncompiled"
            if not self.passes(step):
                return "killed"
        return "survived"

    def attempt(self, mutant):
        """`killed`, `survived`, or `uncompiled`."""
        path = self.root / mutant.file
        original = path.read_text()
        lines = original.splitlines(keepends=True)
        lines[mutant.number - 1] = mutant.after + "\n" if mutant.after else "\n"
        path.write_text("".join(lines))
        try:
            return self.judge(mutant.file)
        finally:
            path.write_text(original)


def run(parts, sample, seed, jobs):
    """Tries mutants of files with one of `parts` in their names, of all files if there are none: all,
    or a sample. Whether enough are killed."""
    mutants = all_mutants()
    everything = len(mutants)
    if parts:
        mutants = [mutant for mutant in mutants if any(part in mutant.file for part in parts)]
    if sample and sample < len(mutants):
        mutants = random.Random(seed).sample(mutants, sample)
    known = equivalents()
    say(f"{len(mutants)} of {everything} mutants, seed {seed}")
    trees = queue.Queue()
    for number in range(jobs):
        tree = Tree(number)
        tree.configure()
        if tree.judge("") != "survived":
            say("the tree as it is does not pass")
            return False
        trees.put(tree)

    def attempt(mutant):
        tree = trees.get()
        try:
            return mutant, tree.attempt(mutant)
        finally:
            trees.put(tree)

    counts = {"killed": 0, "survived": 0, "uncompiled": 0, "equivalent": 0}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for mutant, outcome in pool.map(attempt, mutants):
            if outcome == "survived" and mutant.key() in known:
                outcome = "equivalent"
            counts[outcome] += 1
            if outcome == "survived":
                print(f"survived: {mutant}", flush=True)
            tried = sum(counts.values())
            if tried % 25 == 0:
                say(f"{tried} tried: {counts}")
    judged = counts["killed"] + counts["survived"]
    share = 100 * counts["killed"] / max(1, judged)
    print(f"{counts['killed']} killed, {counts['survived']} survived, {counts['equivalent']} "
          f"equivalent, {counts['uncompiled']} do not compile: {share:.1f} % killed")
    return share >= 95
