"""What may stand in fuzz/corpus: it is replayed by every test run, so it stays small, and all of it
is there on purpose."""

import re
import sys

import targets
from targets import say

# Of each target.
FILES_MAX = 300
BYTES_MAX = 256 * 1024

# What `./dev fuzz --minimize` kept, by the beginning of its hash; or an input with a name.
NAME_BYTES = 16
KEPT = re.compile(rf"[0-9a-f]{{{NAME_BYTES}}}")
NAMED = ("regression-", "edge-")


def is_named(path):
    return path.name.startswith(NAMED)


def mistake(name):
    """What is wrong with the corpus of a target; None if nothing is."""
    files = list(targets.corpus(name).iterdir()) if targets.corpus(name).is_dir() else []
    size = sum(path.stat().st_size for path in files)
    strays = [path.name for path in files if not is_named(path) and not KEPT.fullmatch(path.name)]
    if not files:
        return "it is empty"
    if strays:
        return f"{strays[0]} is neither named nor what `./dev fuzz --minimize` kept"
    if len(files) > FILES_MAX:
        return f"{len(files)} files, where {FILES_MAX} are the most"
    if size > BYTES_MAX:
        return f"{size} bytes, where {BYTES_MAX} are the most"
    return None


def check(names):
    """Whether the corpora of these targets are as they should be."""
    mistakes = {name: mistake(name) for name in names}
    for name, wrong in mistakes.items():
        if wrong:
            say(f"the corpus of {name}: {wrong}")
    return not any(mistakes.values())


def check_all():
    """Whether there is a corpus as it should be for every target, and none besides."""
    names = targets.names()
    others = sorted(path.name for path in targets.CORPORA.iterdir() if path.name not in names)
    if others:
        say(f"{others[0]} is the corpus of no target")
    is_fine = check(names)
    print(f"{len(names)} corpora looked at")
    return is_fine and not others


if __name__ == "__main__":
    sys.exit(0 if check_all() else 1)
