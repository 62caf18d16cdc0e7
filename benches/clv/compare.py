"""The same customers through clienting, lifetimes and clvkit, in alternation; medians of what each step took."""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

STEPS = ("timing", "spend", "value", "total")
YEAR_WEEKS = 365 / 7
MONTHLY_RATE = 1.1 ** (30 / 365) - 1


def clienting(binary, customers, path):
    """One round of the program's own benchmark; its steps are named as the peers' are."""
    command = [binary, "--customers", str(customers), "--rounds", "1", "--write", str(path)]
    lines = [json.loads(line) for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()]
    rows = {}
    for line in lines:
        rows[f"clienting {line['model']}"] = {
            "timing": line["count"] + line["timing"],
            "spend": line["spend"],
            "value": line["forecast"] + line["customers"],
            "total": line["total"],
            "params": line["params"],
            "peak_mb": line["peak_mb"],
        }
    return rows


def timed(step):
    started = time.perf_counter()
    result = step()
    return time.perf_counter() - started, result


def lifetimes(table):
    """Rows as they are, then distinct tuples with weights, then a year's value of everybody, without intervals."""
    from lifetimes import BetaGeoFitter, GammaGammaFitter

    rows, fitter = timed(lambda: BetaGeoFitter().fit(table.x, table.t_x, table["T"]))
    distinct = table.groupby(["x", "t_x", "T"], as_index=False).size()
    weighted, again = timed(lambda: BetaGeoFitter().fit(distinct.x, distinct.t_x, distinct["T"], weights=distinct["size"]))
    repeat = table[(table.x > 0) & (table.total > 0)]
    z = repeat.total / repeat.x
    spend, money = timed(lambda: GammaGammaFitter().fit(repeat.x, z))
    mean = (table.total / table.x.where(table.x > 0)).fillna(0.0)

    def value():
        return money.customer_lifetime_value(
            fitter, table.x, table.t_x, table["T"], mean, time=12, discount_rate=MONTHLY_RATE, freq="W"
        )

    valued, _ = timed(value)
    names = ("r", "alpha", "a", "b")
    return {
        "lifetimes rows": {
            "timing": rows, "spend": spend, "value": valued, "total": rows + spend + valued,
            "params": [float(fitter.params_[name]) for name in names],
        },
        "lifetimes weighted": {
            "timing": weighted, "spend": spend, "value": valued, "total": weighted + spend + valued,
            "params": [float(again.params_[name]) for name in names],
        },
    }


def clvkit(table):
    """Its own distinct tuples; a year in twelve steps of 30.4 days, without intervals."""
    import pandas as pd
    from clvkit import BGNBD, CLV, CustomerBase, GammaGamma

    frame = pd.DataFrame({
        "frequency": table.x, "recency": table.t_x, "T": table["T"],
        "monetary_value": (table.total / table.x.where(table.x > 0)).fillna(0.0),
    })
    base = CustomerBase(frame, time_unit="W", observation_period_end=pd.Timestamp("2026-01-01"),
                        has_monetary=True, on_negative="net", events=None, customer_id_col="customer_id",
                        amount_col="amount", engine="pandas")
    timing, fitted = timed(lambda: BGNBD().fit(base))
    spend, _ = timed(lambda: GammaGamma().fit(base))
    both = CLV(check_independence=False).fit(base)
    value, _ = timed(lambda: both.predict(horizon=52, discount_rate=1.1 ** (7 / 365) - 1))
    return {"clvkit": {"timing": timing, "spend": spend, "value": value, "total": timing + spend + value,
                       "params": [float(fitted.params_[name]) for name in ("r", "alpha", "a", "b")]}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-peers", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    taken = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers.csv"
        table = None
        for _ in range(options.rounds):
            parts = [clienting(options.binary, options.customers, path)]
            if not options.without_peers:
                import pandas as pd

                table = pd.read_csv(path) if table is None else table
                for peer in (lifetimes, clvkit):
                    try:
                        parts.append(peer(table))
                    except Exception as error:  # A peer that fails is told as such; the others go on.
                        print(f"{peer.__name__}: {type(error).__name__}: {error}", file=sys.stderr)
            for part in parts:
                for name, row in part.items():
                    taken.setdefault(name, []).append(row)
    print(f"{options.customers:,} customers, {options.rounds} rounds, medians in seconds\n")
    print("| | " + " | ".join(STEPS) + " | parameters |\n|---|" + "---|" * (len(STEPS) + 1))
    for name, rows in taken.items():
        medians = [statistics.median(row[step] for row in rows) for step in STEPS]
        params = ", ".join(f"{param:.4f}" for param in rows[-1]["params"])
        print(f"| {name} | " + " | ".join(f"{median:.2f}" for median in medians) + f" | {params} |")
    peaks = [row["peak_mb"] for rows in taken.values() for row in rows if "peak_mb" in row]
    print(f"\nclienting's peak memory: {max(peaks):,.0f} MB, the making of the customers among it")


if __name__ == "__main__":
    main()
