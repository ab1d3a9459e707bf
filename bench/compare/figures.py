"""Draws what was measured, with gnuplot.

A figure is a table of numbers, a line of it for each place on the x axis and a column for each curve;
figure.gnuplot knows by its name what its axes are.
"""

import os
import subprocess

from experiments import YARDSTICKS
from load import median
from servers import Failure

HERE = os.path.dirname(os.path.abspath(__file__))
ABSENT = "NaN"


def write_data(path, curves):
    """`curves` are points (x, y) by name."""
    places = sorted({x for points in curves.values() for x, _ in points})
    columns = [dict(points) for points in curves.values()]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\t".join(["x", *curves]) + "\n")
        for x in places:
            file.write("\t".join(map(str, [x, *(column.get(x, ABSENT) for column in columns)])))
            file.write("\n")


def styles_of(curves):
    """A number for each curve: the same server looks the same in every figure."""
    known = ["do-nothing", "rollcall", "redis", "memcached", "bare-list"]
    others = [name for name in curves if name not in known]
    return [(known + others).index(name) + 1 for name in curves]


def throughput_curves(results):
    return {name: [(in_flight, median(runs, "per_second")) for in_flight, runs in by.items()]
            for name, by in results.items()}


def latency_curves(part, key):
    return {name: [(median(runs, "rate"), median(runs, key)) for share, runs in by.items()
                   if share < 1]
            for name, by in part["results"].items()}


def cost_curves(results):
    return {name: [(peers, median(at["runs"], "server_ns")) for peers, at in by.items()]
            for name, by in results.items()}


def memory_curves(results):
    return {name: [(peers, at["bytes"] / peers) for peers, at in by.items()]
            for name, by in results.items() if name not in YARDSTICKS}


def curves_of(raw):
    """By figure, the curves of what was measured."""
    found = {}
    if "throughput" in raw:
        found["throughput"] = throughput_curves(raw["throughput"])
    if "latency" in raw:
        found["latency_p50"] = latency_curves(raw["latency"], "p50")
        found["latency_p99"] = latency_curves(raw["latency"], "p99")
        found["latency_p999"] = latency_curves(raw["latency"], "p99.9")
    if "scale" in raw:
        found["cost"] = cost_curves(raw["scale"])
        found["memory"] = memory_curves(raw["scale"])
    if "durable" in raw:
        found["durable"] = throughput_curves(raw["durable"]["results"])
    return found


def draw(raw, directory, results):
    """The SVG files that it drew into `directory`; the numbers in them are in `results`."""
    os.makedirs(directory, exist_ok=True)
    drawn = []
    for name, curves in curves_of(raw).items():
        data = os.path.join(results, f"{name}.tsv")
        figure = os.path.join(directory, f"{name}.svg")
        write_data(data, curves)
        settings = (f"data = '{data}'; figure = '{figure}'; name = '{name}'; "
                    f"styles = '{' '.join(map(str, styles_of(curves)))}'")
        done = subprocess.run(["gnuplot", "-e", settings, os.path.join(HERE, "figure.gnuplot")],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"gnuplot cannot draw {name}: {done.stderr.strip()}")
        drawn.append(figure)
    return drawn
