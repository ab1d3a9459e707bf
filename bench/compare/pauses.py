"""When the machine ran nothing of ours although it could have: somebody else had a core.

A process on each core does nothing but read the clock. What passes between two readings is a pause.
"""

import concurrent.futures
import gc
import os
import time

# What is shorter cannot be told from the process's own doing.
SHORTEST_NS = 100_000


def watch_core(core, seconds):
    """When each pause began and ended, by the clock that all cores share."""
    os.sched_setaffinity(0, {core})
    gc.disable()
    found = []
    last = time.perf_counter_ns()
    end = last + int(1e9 * seconds)
    while last < end:
        now = time.perf_counter_ns()
        if now - last >= SHORTEST_NS:
            found.append((last, now))
        last = now
    return found


def watch(cores, seconds):
    """When any of the cores paused: pairs of a beginning and an end, in seconds, in order."""
    cores = set(cores)
    with concurrent.futures.ProcessPoolExecutor(len(cores)) as pool:
        found = sorted(pause for each in pool.map(watch_core, cores, [seconds] * len(cores))
                       for pause in each)
    united = []
    for begin, end in found:
        if united and begin <= united[-1][1]:
            united[-1][1] = max(end, united[-1][1])
        else:
            united.append([begin, end])
    return {"seconds": seconds, "pauses": [[begin / 1e9, end / 1e9] for begin, end in united]}


def wait_us(watched, quantile, load):
    """A quantile of how long requests wait because of the pauses alone, at a part `load` of the
    capacity.

    Whoever comes when a pause of length g begins waits so long; who comes t later waits
    (1 - load) t less, as what waits is served while more comes; and the next pause adds to that.
    """
    slopes = []  # (wait at first, wait in the end) of those who come from one pause to the next
    wait = last = 0
    for begin, end in watched["pauses"]:
        wait_then = max(0, wait - (1 - load) * (begin - last))
        slopes.append((wait, wait_then))
        wait, last = wait_then + end - begin, begin
    slopes.append((wait, 0))

    def part_above(limit):
        above = sum(max(0, first - max(limit, then)) for first, then in slopes)
        return above / (1 - load) / watched["seconds"]

    low, high = 0, max(first for first, _ in slopes)
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if part_above(middle) > 1 - quantile else (low, middle)
    return 1e6 * high
