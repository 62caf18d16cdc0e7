"""Tells whether RFM tables of peers are ours, row by row: customers, orders, last day, revenue and scores.

Usage: compare.py CUSTOMERS RFM [RFM ...]
"""

import sys

import duckdb


def main() -> None:
    customers, *peers = sys.argv[1:]
    ours = f"""SELECT customer_id, n_orders, last_day, net_revenue AS revenue, rfm_r AS r, rfm_f AS f, rfm_m AS m
               FROM '{customers}'"""
    for peer in peers:
        theirs = f"SELECT customer_id, n_orders, last_day, revenue, r, f, m FROM '{peer}'"
        query = f"SELECT count(*) FROM (({ours} EXCEPT {theirs}) UNION ALL ({theirs} EXCEPT {ours}))"
        [(n_different,)] = duckdb.sql(query).fetchall()
        if n_different:
            sys.exit(f"{peer}: {n_different} rows differ from {customers}")
    print("the RFM tables are equal, row by row")


if __name__ == "__main__":
    main()
