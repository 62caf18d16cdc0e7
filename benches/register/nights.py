"""Runs the nights and prints what they took: the whole of each, its stages, and the most memory that it held."""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
STAGES = ["ingest", "register", "features", "segments", "outputs"]


def night(binary, work):
    """One night in a process of its own: seconds, megabytes, seconds by stage."""
    begin = time.monotonic()
    process = subprocess.Popen([binary, "run", "--quiet"], cwd=work, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit("a night failed")
    manifest = json.loads((work / "lake/current/manifest.json").read_text())
    stages = {stage["name"]: stage["seconds"] for stage in manifest["stages"]}
    return seconds, usage.ru_maxrss / 1024, [stages.get(stage, 0.0) for stage in STAGES]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=pathlib.Path)
    options = parser.parse_args()
    work = options.work or pathlib.Path(tempfile.mkdtemp(prefix="register-"))
    work.mkdir(parents=True, exist_ok=True)
    make = [sys.executable, str(HERE / "make.py")]
    if not (work / "contacts").exists():
        subprocess.run([*make, str(work / "contacts"), str(options.rows)], check=True)
        subprocess.run([*make, str(work / "later"), str(options.rows), "--changed", "0.01"], check=True)
    shutil.copy(HERE / "night.toml", work / "clienting.toml")
    (work / "orders.csv").write_text("transaction_id,customer_id,occurred_at,amount\n1,C1,2026-10-01,20.00\n")
    changes = work / "contacts/crm_changes.csv"
    found = {"cold night": [], "1 % of the rows changed": []}
    for _ in range(options.rounds):
        shutil.rmtree(work / "lake", ignore_errors=True)
        changes.unlink(missing_ok=True)
        found["cold night"].append(night(options.binary, work))
        shutil.copy(work / "later/crm_changes.csv", changes)
        found["1 % of the rows changed"].append(night(options.binary, work))
    changes.unlink(missing_ok=True)
    print(f"{options.rows:,} contact rows of three systems, {options.rounds} rounds, medians\n")
    print("| | seconds | peak MB | " + " | ".join(STAGES) + " |\n|---|" + "---|" * (len(STAGES) + 2))
    for name, nights in found.items():
        seconds = statistics.median(one[0] for one in nights)
        peak = statistics.median(one[1] for one in nights)
        stages = [statistics.median(stage) for stage in zip(*(one[2] for one in nights))]
        print(f"| {name} | {seconds:.2f} | {peak:,.0f} | " + " | ".join(f"{stage:.2f}" for stage in stages) + " |")
    if options.work is None:
        shutil.rmtree(work)


main()
