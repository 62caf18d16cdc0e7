"""The bare job in Polars: CSV to a typed Parquet ledger by month, then a table of customers with RFM scores.

Usage: peer_polars.py DATA OUT THREADS
"""

import os
import sys

os.environ["POLARS_MAX_THREADS"] = sys.argv[3]

import polars as pl  # noqa: E402  the number of threads is read when it is imported

SCHEMA = {
    "order_id": pl.String,
    "customer_id": pl.String,
    "ordered_at": pl.Datetime("us"),
    "amount": pl.Decimal(18, 2),
    "cost": pl.Decimal(18, 2),
    "product_line": pl.String,
    "store_id": pl.String,
    "channel": pl.String,
}


def ledger(data: str, out: str) -> None:
    """Streams; never holds the rows."""
    at = pl.col("ordered_at")
    (
        pl.scan_csv(f"{data}/transactions/*.csv", schema=SCHEMA, infer_schema=False)
        .with_columns(month=at.dt.year() * 100 + at.dt.month().cast(pl.Int32))
        .sink_parquet(
            pl.PartitionBy(f"{out}/ledger", key="month", include_key=False),
            compression="zstd",
            compression_level=1,
            maintain_order=False,
            mkdir=True,
            engine="streaming",
        )
    )


def rfm(out: str) -> None:
    """A score is 1 + floor(5 * customers with a strictly worse value / customers)."""

    def score(name: str) -> pl.Expr:
        return ((pl.col(name).rank("min").cast(pl.Int64) - 1) * 5 // pl.len() + 1).cast(pl.UInt8)

    customers = (
        pl.scan_parquet(f"{out}/ledger/*/*.parquet", hive_partitioning=False)
        .group_by("customer_id")
        .agg(
            n_orders=pl.len(),
            last_day=pl.col("ordered_at").max().dt.date(),
            revenue=pl.col("amount").sum(),
        )
        .collect(engine="streaming")
    )
    customers.with_columns(r=score("last_day"), f=score("n_orders"), m=score("revenue")).write_parquet(
        f"{out}/rfm.parquet", compression="zstd", compression_level=1
    )


if __name__ == "__main__":
    ledger(sys.argv[1], sys.argv[2])
    rfm(sys.argv[2])
