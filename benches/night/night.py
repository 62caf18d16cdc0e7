"""Runs the three programs in turn over the same exports and prints what they took; started by `run`.

It imports neither peer: a child's peak memory counts its parent's at the moment of its birth.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
ORDERS_PER_CUSTOMER = 20
PEERS = ("polars", "duckdb")


@dataclass
class Taken:
    """What one kind of job took, round by round."""

    seconds: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def memory(self) -> float:
        return max(self.peak_mb)


def measure(command: list[str], environment: dict[str, str], taken: Taken) -> None:
    """Runs to the end and notes wall time, the program's start included, and peak memory."""
    os.sync()  # what an earlier program left to be written is not this one's time
    log = tempfile.TemporaryFile()
    started = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        log.seek(0)
        sys.exit(f"{' '.join(command)}: exit {process.returncode}\n{log.read().decode(errors='replace')}")
    taken.seconds.append(seconds)
    taken.peak_mb.append(usage.ru_maxrss * 1024 / 1e6)


def warm(folder: Path) -> None:
    """Has every export in the page cache, for all alike."""
    for file in folder.rglob("*.csv"):
        with open(file, "rb") as stream:
            while stream.read(1 << 24):
                pass


class Bench:
    def __init__(self, arguments: argparse.Namespace, work: Path) -> None:
        self.binary, self.threads, self.rounds = arguments.binary, arguments.threads, arguments.rounds
        self.seed, self.work = arguments.seed, work

    def generate(self, data: Path, millions: float) -> tuple[int, int]:
        """Exports and, kept apart, the day after; rows and bytes of the exports."""
        customers = round(millions * 1e6 / ORDERS_PER_CUSTOMER)
        options = ["--customers", str(customers), "--orders-per-customer", str(ORDERS_PER_CUSTOMER)]
        options += ["--seed", str(self.seed), "--threads", str(self.threads), "--json"]
        parts = (data, "--no-contacts", "--no-interactions"), (data / "next", "--one-more-day")
        generated = [
            json.loads(subprocess.check_output([self.binary, "generate", *options, "--out", out, *more]))
            for out, *more in parts
        ]
        print(
            f"{generated[0]['n_rows']:,} rows ({generated[0]['n_bytes'] / 1e6:,.0f} MB) of {customers:,} customers, "
            f"generated at {generated[0]['rows_per_second']:,} rows a second; the day after has "
            f"{generated[1]['n_rows']:,} rows",
            flush=True,
        )
        return generated[0]["n_rows"], generated[0]["n_bytes"]

    def night(self, data: Path, lake: Path, taken: Taken) -> None:
        command = [self.binary, "run", "--config", str(HERE / "night.toml"), "--lake", str(lake)]
        command += ["--threads", str(self.threads), "--quiet"]
        measure(command, {"CLIENTING_NIGHT_DATA": str(data)}, taken)

    def peer(self, name: str, data: Path, out: Path, taken: Taken) -> None:
        out.mkdir()
        program = HERE / "peers" / f"peer_{name}.py"
        measure([sys.executable, str(program), str(data), str(out), str(self.threads)], {}, taken)

    def round(self, data: Path, index: int, taken: dict[str, Taken]) -> None:
        """All programs once, each round another one first; then our second night."""
        lake = self.work / "lake"
        names = ["clienting", *PEERS]
        shift = index % len(names)
        for name in names[shift:] + names[:shift]:
            if name == "clienting":
                self.night(data, lake, taken["clienting"])
            else:
                self.peer(name, data, self.work / name, taken[name])
        if index == 0:
            self.compare(lake)
        days = list((data / "next" / "transactions").glob("*.csv"))
        added = [Path(shutil.copy(day, data / "transactions")) for day in days]
        self.night(data, lake, taken["one more day"])
        for path in added:
            path.unlink()
        for name in ("lake", *PEERS):
            shutil.rmtree(self.work / name)

    def compare(self, lake: Path) -> None:
        """Ends the comparison unless the three tables are equal."""
        tables = [str(self.work / name / "rfm.parquet") for name in PEERS]
        table = str(lake / "current" / "tables" / "customers.parquet")
        if subprocess.run([sys.executable, str(HERE / "compare.py"), table, *tables]).returncode != 0:
            sys.exit("the programs did not do the same job")

    def size(self, millions: float) -> tuple[int, dict[str, Taken]]:
        data = self.work / "data"
        n_rows, _ = self.generate(data, millions)
        taken = {name: Taken() for name in ("clienting", *PEERS, "one more day")}
        warm(data)
        for index in range(self.rounds):
            self.round(data, index, taken)
        shutil.rmtree(data)
        report(taken, n_rows)
        return n_rows, taken


def report(taken: dict[str, Taken], n_rows: int) -> None:
    ours = taken["clienting"]
    faster = min(PEERS, key=lambda name: taken[name].median)
    print(f"{'':<14}{'median':>10}{'best':>10}{'worst':>10}{'rows/s':>14}{'peak memory':>14}   ours ÷ this")
    for name in ("clienting", *PEERS):
        one = taken[name]
        rate = f"{n_rows / one.median:,.0f}"
        print(
            f"{name:<14}{one.median:>8.2f} s{min(one.seconds):>8.2f} s{max(one.seconds):>8.2f} s{rate:>14}"
            f"{one.memory:>11,.0f} MB   {ours.median / one.median:.2f}"
        )
    second = taken["one more day"]
    ratio = taken[faster].median / second.median
    print(
        f"{'one more day':<14}{second.median:>8.2f} s{min(second.seconds):>8.2f} s{max(second.seconds):>8.2f} s"
        f"{'':>14}{second.memory:>11,.0f} MB   {faster} cold ÷ this: {ratio:.2f}\n",
        flush=True,
    )


def growth(sizes: list[tuple[int, dict[str, Taken]]]) -> None:
    """How time and memory grow with the rows, against the smallest size."""
    if len(sizes) < 2:
        return
    print("growth: times the rows, times the time, times the memory of the smallest size")
    first_rows, first = sizes[0]
    for n_rows, taken in sizes[1:]:
        cells = [
            f"{name} ×{taken[name].median / first[name].median:.1f} time ×{taken[name].memory / first[name].memory:.1f}"
            " memory"
            for name in ("clienting", *PEERS, "one more day")
        ]
        print(f"  {n_rows:>13,} rows (×{n_rows / first_rows:.1f}): " + "; ".join(cells))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/night/run", description=__doc__)
    parser.add_argument("--rows-millions", type=float, nargs="+", default=[10.0], metavar="N",
                        help="sizes, one after another (default: 10; 1 is quick, 100 takes long and 30 GB of disk)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds of each size (default: 3)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), metavar="N",
                        help="threads of every program (default: all cores)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="seed of the exports (default: 1)")
    parser.add_argument("--binary", required=True, metavar="FILE", help="clienting (default: built here)")
    parser.add_argument("--work", type=Path, metavar="DIR",
                        help="folder for exports and output, removed in the end (default: the system's)")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    versions = ", ".join(f"{name} {version(name)}" for name in PEERS)
    print(f"{versions}; {chosen.threads} threads; {chosen.rounds} rounds")
    with tempfile.TemporaryDirectory(prefix="night-", dir=chosen.work) as work:
        bench = Bench(chosen, Path(work))
        growth([bench.size(millions) for millions in sorted(chosen.rows_millions)])


if __name__ == "__main__":
    main()
