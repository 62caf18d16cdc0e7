"""Measures whole nights of a loyalty programme over synthetic exports of three years; started by `run`.

Each round: a cold night over all exports, the night after with a thousandth of the rows (in which a month becomes whole),
and the one after that. Of every night it tells the wall time, the processor's time and the peak memory of the process, the
seconds of the loyalty part (standings, events and matrices, with the reading of `summary/customer_day` and of the parent's
tables), and how many members were replayed or gone on with. In the end a lake that was brought up in three nights is
compared with one of a cold run over all of them, file by file.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SPAN = ["--from", "2023-11-01", "--months", "36"]
NIGHTS = ("2026-10-31", "2026-11-01", "2026-11-02")
NAMES = ("cold", "one more day, month turns", "one more day")
TABLES = ("tier_events", "tier_transitions", "tier_state")


class Bench:
    def __init__(self, arguments: argparse.Namespace, work: Path) -> None:
        self.arguments, self.work, self.data = arguments, work, work / "data"

    def generate(self) -> None:
        size = ["--customers", str(self.arguments.customers)]
        size += ["--orders-per-customer", str(self.arguments.orders_per_customer)]
        generate = [str(self.arguments.binary), "generate", *size, *SPAN, "--json"]
        rows = json.loads(subprocess.check_output(
            [*generate, "--no-contacts", "--no-interactions", "--out", str(self.data)]))["n_rows"]
        subprocess.check_output([*generate, "--one-more-day", "--out", str(self.data / "next")])
        [day] = (self.data / "next" / "transactions").glob("*.csv")
        lines = day.read_text().splitlines()
        # The day after has the same rows under other numbers, of the customers beside them.
        with open(self.data / "next" / "second.csv", "w") as second:
            second.write(lines[0] + "\n")
            for line in lines[1:]:
                order, customer, at, *rest = line.split(",")
                number = (int(customer[1:]) + 37) % self.arguments.customers
                second.write(",".join([f"Z{order}", f"C{number:08}", at.replace(NIGHTS[1], NIGHTS[2]), *rest]) + "\n")
        self.days = [day, self.data / "next" / "second.csv"]
        print(f"{rows:,} rows of {self.arguments.customers:,} customers in 36 months; a day has {len(lines) - 1:,}")

    def deliver(self, n_days: int) -> None:
        for number, day in enumerate(self.days):
            target = self.data / "transactions" / f"day-{number}.csv"
            target.unlink(missing_ok=True)
            if number < n_days:
                shutil.copy(day, target)

    def night(self, lake: str, day: str) -> tuple[float, float, float, dict, list]:
        command = [str(self.arguments.binary), "run", "--config", str(HERE / "night.toml"), "--lake",
                   str(self.work / lake), "--quiet", "--as-of", day, "--threads", str(self.arguments.threads)]
        os.sync()
        started = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, "CLIENTING_NIGHT_DATA": str(self.data)})
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit {process.returncode}")
        manifest = json.loads((self.work / lake / "current" / "manifest.json").read_text())
        cpu = usage.ru_utime + usage.ru_stime
        return seconds, cpu, usage.ru_maxrss * 1024 / 1e6, manifest["stages"], manifest["models"]

    def round(self, taken: dict[str, list]) -> None:
        for number, (name, day) in enumerate(zip(NAMES, NIGHTS)):
            self.deliver(number)
            taken[name].append(self.night("lake", day))

    def compare(self) -> None:
        """Three nights have to give what one gives."""
        self.night("cold", NIGHTS[-1])
        for table in TABLES:
            inside = Path("current") / "tables" / f"{table}.parquet"
            if (self.work / "lake" / inside).read_bytes() != (self.work / "cold" / inside).read_bytes():
                sys.exit(f"{table}: three nights give something else than a cold run")
        print("three nights give the bytes of a cold run:", ", ".join(TABLES))

    def run(self) -> None:
        self.generate()
        taken: dict[str, list] = {name: [] for name in NAMES}
        for number in range(self.arguments.rounds):
            shutil.rmtree(self.work / "lake", ignore_errors=True)
            self.round(taken)
        print(f"{'best of ' + str(self.arguments.rounds):<28}{'night':>9}{'processor':>11}{'loyalty':>10}"
              f"{'peak memory':>13}{'replayed':>12}")
        for name, nights in taken.items():
            parts = [next(one for one in night[4] if one["name"] == "loyalty")["seconds"] for night in nights]
            replayed = next(one for one in nights[0][4] if one["name"] == "loyalty:club")["n_replayed"]
            print(f"{name:<28}{min(n[0] for n in nights):>7.2f} s{min(n[1] for n in nights):>9.2f} s"
                  f"{min(parts):>8.2f} s{max(n[2] for n in nights):>10,.0f} MB{replayed:>12,}")
        self.compare()


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches/loyalty/run", description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000_000, metavar="N", help="members (default: 5 million)")
    parser.add_argument("--orders-per-customer", type=float, default=15, metavar="X", help="on average (default: 15)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds (default: 3)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), metavar="N", help="default: all cores")
    parser.add_argument("--binary", type=Path, required=True, metavar="FILE", help="default: built here")
    parser.add_argument("--work", type=Path, metavar="DIR", help="folder for exports and lakes, removed in the end")
    arguments = parser.parse_args()
    if arguments.work:
        arguments.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="loyalty-", dir=arguments.work) as work:
        Bench(arguments, Path(work)).run()


if __name__ == "__main__":
    main()
