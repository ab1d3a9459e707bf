"""The fuzz targets: where they are, how long their inputs may be, how they are built and run."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CORPORA = ROOT / "fuzz" / "corpus"


def say(text):
    print(f"fuzz: {text}", file=sys.stderr, flush=True)


def names(root=ROOT):
    """Each fuzz/<name>_fuzzer.cpp is a target."""
    return sorted(path.name.removesuffix("_fuzzer.cpp")
                  for path in (root / "fuzz").glob("*_fuzzer.cpp"))


def max_len(name, root=ROOT):
    options = configparser.ConfigParser()
    options.read(root / "fuzz" / f"{name}_fuzzer.options")
    return options["libfuzzer"]["max_len"]


def corpus(name):
    return CORPORA / name


def program(name, preset, root=ROOT):
    return root / "build" / preset / "bin" / f"{name}_fuzzer"


def configure(preset, root=ROOT, options=()):
    subprocess.run(["cmake", "--preset", preset, *options], cwd=root, check=True,
                   stdout=subprocess.DEVNULL)


def build(preset, root=ROOT, targets=(), quiet=False):
    """Whether it could be built."""
    command = ["cmake", "--build", str(root / "build" / preset)]
    if targets:
        command += ["--target", *targets]
    done = subprocess.run(command, capture_output=quiet, text=True)
    if done.returncode != 0 and quiet:
        print(done.stdout[-4000:], file=sys.stderr)
    return done.returncode == 0


def options(name, findings, root=ROOT):
    """What libFuzzer is told for this target. `findings` is the folder for inputs that fail."""
    return [f"-max_len={max_len(name, root)}", f"-artifact_prefix={findings}/",
            f"-dict={root / 'fuzz' / 'protocol.dict'}", "-timeout=10", "-rss_limit_mb=2048",
            "-print_final_stats=1"]


def statistics(log):
    """Executions, executions a second, edges and corpus size, as libFuzzer's log has them."""
    def last(pattern):
        found = re.findall(pattern, log)
        return int(found[-1]) if found else 0
    return {
        "executions": last(r"stat::number_of_executed_units: (\d+)"),
        "executions/s": last(r"stat::average_exec_per_sec: +(\d+)"),
        "edges": last(r" cov: (\d+)"),
        "corpus": last(r" corp: (\d+)"),
    }
