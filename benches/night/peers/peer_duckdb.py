"""The bare job in DuckDB: CSV to a typed Parquet ledger by month, then a table of customers with RFM scores.

Usage: peer_duckdb.py DATA OUT THREADS
"""

import sys

import duckdb

TYPES = {
    "order_id": "VARCHAR",
    "customer_id": "VARCHAR",
    "ordered_at": "TIMESTAMP",
    "amount": "DECIMAL(18, 2)",
    "cost": "DECIMAL(18, 2)",
    "product_line": "VARCHAR",
    "store_id": "VARCHAR",
    "channel": "VARCHAR",
}

# Types are given, so nothing is sniffed; months as whole numbers partition faster than as texts.
LEDGER = """
COPY (
    SELECT *, year(ordered_at) * 100 + month(ordered_at) AS month
    FROM read_csv('{data}/transactions/*.csv', header = true, auto_detect = false, delim = ',', quote = '"',
                  escape = '"', timestampformat = '%Y-%m-%d %H:%M:%S', columns = {types})
) TO '{out}/ledger' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARTITION_BY (month))
"""

# A score is 1 + floor(5 * customers with a strictly worse value / customers): equal values get equal scores.
RFM = """
COPY (
    WITH customers AS (
        SELECT customer_id, count(*) AS n_orders, max(ordered_at)::DATE AS last_day, sum(amount) AS revenue
        FROM read_parquet('{out}/ledger/*/*.parquet', hive_partitioning = false)
        GROUP BY customer_id
    ), n AS (SELECT count(*) AS n FROM customers)
    SELECT customer_id, n_orders, last_day, revenue,
        (1 + 5 * (rank() OVER (ORDER BY last_day) - 1) // n)::UTINYINT AS r,
        (1 + 5 * (rank() OVER (ORDER BY n_orders) - 1) // n)::UTINYINT AS f,
        (1 + 5 * (rank() OVER (ORDER BY revenue) - 1) // n)::UTINYINT AS m
    FROM customers, n
) TO '{out}/rfm.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
"""


def main() -> None:
    data, out, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    connection = duckdb.connect(config={"threads": threads, "temp_directory": f"{out}/spill"})
    # The order of rows is nobody's business here, and keeping it costs time and memory.
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(LEDGER.format(data=data, out=out, types=TYPES))
    connection.execute(RFM.format(out=out))


if __name__ == "__main__":
    main()
