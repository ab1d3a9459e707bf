"""Fuzzing, as `./dev fuzz` has it: campaigns, minimal corpora, coverage by the corpora."""

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import corpora
import seeds
import targets
from targets import ROOT, say

# Lines that no corpus can reach, with the reason; and what share of the branches has to go both ways.
UNREACHED = ROOT / "fuzz" / "unreached.txt"
BRANCHES_MIN = 0.98


def work_folder(preset, name):
    return ROOT / "build" / preset / "fuzzing" / name


# ---- Campaigns ----

def fuzz_one(name, preset, seconds, job):
    """Runs one program and returns its row. What it finds goes below build/."""
    work = work_folder(preset, name)
    findings = work / "findings"
    for folder in (work / "corpus", findings):
        folder.mkdir(parents=True, exist_ok=True)
    command = [str(targets.program(name, preset)), *targets.options(name, findings),
               f"-max_total_time={seconds}", str(work / "corpus"), str(targets.corpus(name))]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")
    (work / f"log-{job}").write_text(done.stdout)
    if done.returncode != 0:
        say(f"{name} has a finding; the end of its log is")
        print(done.stdout[-4000:], file=sys.stderr)
    return {"target": name, **targets.statistics(done.stdout), "failed": done.returncode != 0}


def print_table(rows):
    columns = ["target", "executions", "executions/s", "edges", "corpus", "findings"]
    print(" ".join(f"{column:>14}" for column in columns))
    for row in rows:
        print(" ".join(f"{row[column]:>14}" for column in columns), flush=True)


def combined(name, preset, rows):
    """One row of the jobs of one target."""
    findings = work_folder(preset, name) / "findings"
    return {
        "target": name,
        "executions": sum(row["executions"] for row in rows),
        "executions/s": sum(row["executions/s"] for row in rows),
        "edges": max(row["edges"] for row in rows),
        "corpus": max(row["corpus"] for row in rows),
        "findings": sum(1 for _ in findings.iterdir()) or sum(row["failed"] for row in rows),
    }


def run(chosen, seconds, jobs, preset):
    """Fuzzes each target for so long. Whether none had a finding."""
    if not corpora.check(chosen):
        return False
    targets.configure(preset)
    say(f"building build/{preset}")
    if not targets.build(preset):
        return False
    for name in chosen:
        shutil.rmtree(work_folder(preset, name) / "findings", ignore_errors=True)
    # One target gets all the jobs; several take turns.
    tasks = chosen if len(chosen) > 1 else chosen * jobs
    say(f"fuzzing {', '.join(chosen)} for {seconds} s each, {jobs} at a time")
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        done = list(pool.map(lambda task: fuzz_one(task[1], preset, seconds, task[0]),
                             enumerate(tasks)))
    rows = [combined(name, preset, [row for row in done if row["target"] == name])
            for name in chosen]
    print_table(rows)
    return not any(row["failed"] for row in done)


# ---- Speed ----

def executions_a_second(name, preset, seconds):
    """Executions a second of one core's time, from the committed corpus. The processor's time is
    what counts, so that it matters little what else the machine does."""
    with tempfile.TemporaryDirectory() as found:
        log = Path(found) / "log"
        with log.open("w") as out:
            process = subprocess.Popen(
                ["taskset", "-c", "1", str(targets.program(name, preset)),
                 *targets.options(name, found), f"-max_total_time={seconds}", "-seed=1", found,
                 str(targets.corpus(name))],
                stdout=out, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        executions = targets.statistics(log.read_text(errors="replace"))["executions"]
    return round(executions / (usage.ru_utime + usage.ru_stime)), process.returncode == 0


def speed(chosen, seconds):
    """Prints how fast each target is, without and with sanitizers. Whether none had a finding."""
    fine = True
    for preset in ("fuzz-fast", "fuzz"):
        targets.configure(preset)
        if not targets.build(preset):
            return False
    print(f"{'target':>14} {'fast':>10} {'sanitizers':>10}   executions a second of one core")
    for name in chosen:
        fast, is_fine = executions_a_second(name, "fuzz-fast", seconds)
        slow, is_fine_too = executions_a_second(name, "fuzz", seconds)
        fine = fine and is_fine and is_fine_too
        print(f"{name:>14} {fast:>10} {slow:>10}", flush=True)
    return fine


# ---- Minimal corpora ----

def minimize(chosen, preset):
    """Makes fuzz/corpus the smallest that reaches as much as it, the golden exchanges and what
    campaigns found. Inputs that have a name, regressions and edges, stay as they are."""
    targets.configure(preset)
    if not targets.build(preset):
        return False
    golden = ROOT / "build" / preset / "fuzzing" / "golden"
    seeds.write(golden)
    for name in chosen:
        corpus = targets.corpus(name)
        corpus.mkdir(parents=True, exist_ok=True)
        sources = [corpus, golden / name]
        sources += [folder for folder in (ROOT / "build").glob(f"*/fuzzing/{name}/corpus")]
        with tempfile.TemporaryDirectory() as merged:
            subprocess.run([str(targets.program(name, preset)), "-set_cover_merge=1",
                            f"-max_len={targets.max_len(name)}", merged,
                            *(str(source) for source in sources if source.exists())],
                           check=True, capture_output=True)
            kept = sorted(Path(merged).iterdir(), key=lambda path: path.stat().st_size)
            named = [path for path in corpus.iterdir() if corpora.is_named(path)]
            kept = kept[:corpora.FILES_MAX - len(named)]
            for path in set(corpus.iterdir()) - set(named):
                path.unlink()
            room = corpora.BYTES_MAX - sum(path.stat().st_size for path in named)
            for path in kept:
                room -= path.stat().st_size
                if room < 0:
                    break
                shutil.copy(path, corpus / path.name[:corpora.NAME_BYTES])
        files = list(corpus.iterdir())
        print(f"{name}: {len(files)} files, {sum(path.stat().st_size for path in files)} bytes")
    return True


# ---- Coverage ----

def percent(part, whole):
    return f"{100 * part / max(1, whole):.2f} % ({part} of {whole})"


def unreachable_lines(path):
    """The lines of each ROLLCALL_ASSERT, whose failing side nothing may reach; of functions that the
    compiler runs; and of each `switch`, which has no value outside its enumeration."""
    lines, depth, is_constant = set(), 0, False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("constexpr ") and line.endswith("{") and "(" in line:
            is_constant = True
        if is_constant or line.strip().startswith("switch (") or "__builtin_unreachable" in line:
            lines.add(number)
        is_constant = is_constant and line != "}"
        at = line.find("ROLLCALL_ASSERT(")
        if depth == 0 and at < 0:
            continue
        text = line if depth > 0 else line[at:]
        lines.add(number)
        depth = max(0, depth + text.count("(") - text.count(")"))
    return lines


def summarize_branches(export):
    """Prints the branches of engine/ that went one way only. The share of those that went both."""
    branches_all = branches_hit = 0
    for file in export["data"][0]["files"]:
        path = Path(file["filename"])
        if path.stem == "assert":
            continue
        unreachable = unreachable_lines(path)
        # The instances of a template count together.
        sides = {}
        for branch in file["branches"]:
            if branch[0] in unreachable:
                continue
            for side in (4, 5):
                key = (branch[0], branch[1], "true" if side == 4 else "false")
                sides[key] = sides.get(key, 0) + branch[side]
        branches_all += len(sides)
        branches_hit += sum(count > 0 for count in sides.values())
        for (line, column, side), count in sorted(sides.items()):
            if count == 0:
                print(f"{path.relative_to(ROOT)}:{line}:{column}: never {side}")
    print(f"branches of engine/: {percent(branches_hit, branches_all)}")
    return branches_hit / branches_all


def summarize_lines(tools, ignore):
    """Prints the lines of engine/ that were never run and have no reason. How many there are."""
    listed = {tuple(line.split(" | ")[:2]) for line in UNREACHED.read_text().splitlines()
              if line and not line.startswith("#")}
    shown = subprocess.run(["llvm-cov-19", "show", *tools, ignore], check=True,
                           capture_output=True, text=True, errors="replace").stdout
    path, seen = None, {}
    for line in shown.splitlines():
        if line.startswith("/") and line.endswith(":"):
            path = Path(line[:-1])
        found = re.match(r" +(\d+)\| +(\d+)(\.\d+)?[kMGE]?\|(.*)", line)
        if found and path:
            key = (path, int(found.group(1)))
            count = float(found.group(2)) + seen.get(key, (0, ""))[0]
            seen[key] = (count, found.group(4))
    missing = with_reason = 0
    unreachable = {path: unreachable_lines(path) for path, _ in seen}
    for (path, number), (count, text) in sorted(seen.items()):
        if count > 0 or path.stem == "assert":
            continue
        relative = str(path.relative_to(ROOT))
        if number in unreachable[path] or (relative, text.strip()) in listed:
            with_reason += 1
            continue
        missing += 1
        print(f"{relative}:{number}: never run: {text.strip()}")
    print(f"lines of engine/: {percent(len(seen) - missing - with_reason, len(seen) - with_reason)}, "
          f"{with_reason} more that cannot be reached aside")
    return missing


def coverage():
    targets.configure("coverage")
    programs = [f"replay_{name}" for name in targets.names()]
    say("building build/coverage")
    if not targets.build("coverage", targets=programs):
        return False
    out = ROOT / "build" / "coverage"
    profiles = out / "fuzz-profiles"
    shutil.rmtree(profiles, ignore_errors=True)
    for name, program in zip(targets.names(), programs):
        subprocess.run([str(out / "bin" / program), str(targets.corpus(name))], check=True,
                       stdout=subprocess.DEVNULL,
                       env={**os.environ, "LLVM_PROFILE_FILE": f"{profiles}/{name}.profraw"})
    profile = out / "fuzz-profile"
    subprocess.run(["llvm-profdata-19", "merge", "-o", str(profile),
                    *(str(path) for path in profiles.iterdir())], check=True)
    tools = [f"--instr-profile={profile}",
             *(f"--object={out / 'bin' / program}" for program in programs)]
    ignore = (f"--ignore-filename-regex=^{re.escape(str(ROOT))}/(build/coverage/../../)?"
              "(transport|store|apps|fuzz|tests)/|^/usr/")
    report = out / "fuzz-report"
    subprocess.run(["llvm-cov-19", "show", *tools, ignore, "--format=html",
                    "--show-branches=count", f"--output-dir={report}"], check=True)
    export = subprocess.run(["llvm-cov-19", "export", *tools, ignore, "--skip-functions"],
                            check=True, capture_output=True, text=True).stdout
    share = summarize_branches(json.loads(export))
    missing = summarize_lines(tools, ignore)
    print(f"report: {(report / 'index.html').relative_to(ROOT)}")
    return missing == 0 and share >= BRANCHES_MIN


def main():
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", help="fuzz these; all if none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--jobs", type=int, default=2, help="programs at the same time (2)")
    parser.add_argument("--fast", action="store_true", help="without sanitizers")
    parser.add_argument("--speed", action="store_true",
                        help="executions a second of one core, without and with sanitizers")
    parser.add_argument("--minimize", action="store_true", help="renew fuzz/corpus")
    parser.add_argument("--coverage", action="store_true",
                        help="what of engine/ the corpora reach")
    parser.add_argument("--planted", action="store_true",
                        help="try to find the bugs of fuzz/planted; targets are patches' names")
    parser.add_argument("--mutants", action="store_true",
                        help="change engine/ line by line; targets are parts of files' names")
    parser.add_argument("--sample", type=int, default=0, help="so many mutants, not all")
    parser.add_argument("--seed", type=int, default=1, help="which sample (1)")
    arguments = parser.parse_args()
    if arguments.mutants:
        import mutants
        return mutants.run(arguments.target, arguments.sample, arguments.seed, arguments.jobs)
    if arguments.planted:
        import planted
        return planted.run(arguments.target, arguments.seconds, arguments.jobs)
    if arguments.coverage:
        return coverage()
    chosen = arguments.target or targets.names()
    for name in chosen:
        if name not in targets.names():
            parser.error(f"there is no fuzz target '{name}'")
    if arguments.speed:
        return speed(chosen, arguments.seconds)
    if arguments.minimize:
        return minimize(chosen, "fuzz-fast")
    return run(chosen, arguments.seconds, arguments.jobs,
               "fuzz-fast" if arguments.fast else "fuzz")


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
