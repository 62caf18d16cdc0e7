#!/usr/bin/env python3
"""Makes contact exports of three systems, of which some people are in two.

    make.py FOLDER N_ROWS [--changed SHARE]

Half of the rows are the CRM's, three tenths the shop's, two tenths the club's; one person in nine is in two systems, so that
one row in five is of somebody whom another system has too. With `--changed` the share of the CRM's rows that it names is
told anew, with a later update and another street. The same numbers make the same files.
"""

import argparse
import pathlib
import random

FIRST = [a + b for a in "An Ber Cla Do El Fe Ger Ha In Jo Ka Le Ma No Ot Pe".split()
         for b in "na tha ra ris se lix da nes ga han rin on ria to ter".split()]
LAST = [a + b for a in "Mül Schmi Fisch Web Wag Beck Hoff Koch Bau Klei Wol Schrö Neu Schwar Zim Brau Krü Hart Lan".split()
        for b in "ler dt er ner mann ert mer ing stein bach".split()]
CITY = ["Berlin", "Hamburg", "München", "Köln", "Frankfurt", "Stuttgart", "Leipzig", "Bremen"]
HEADER = ("customer_id,email,phone,first_name,last_name,birth_date,country,postal_code,city,street,card_id,"
          "consent_email,updated_at\n")


def person(number):
    draw = random.Random(number * 2654435761 & 0xFFFFFFFF)
    first, last = draw.choice(FIRST), draw.choice(LAST)
    plain = last.lower().replace("ü", "ue").replace("ö", "oe")
    mail = f"{first.lower()}.{plain}{number}@example.{draw.choice(['com', 'de', 'org'])}"
    phone = f"0{draw.choice(['151', '160', '170', '171', '172', '175'])} {1000000 + number % 9000000}"
    born = f"{1940 + draw.randrange(65)}-{1 + draw.randrange(12):02d}-{1 + draw.randrange(28):02d}"
    street = f"{draw.choice(LAST)}straße {1 + draw.randrange(120)}"
    return first, last, mail, phone, born, 10000 + draw.randrange(89999), draw.choice(CITY), street, 3000000000 + number


def row(system, prefix, number, is_changed):
    first, last, mail, phone, born, postal, city, street, card = person(number)
    draw = random.Random(system * 1_000_003 + number)
    mail = "" if draw.random() < 0.05 else mail
    phone = "" if draw.random() < 0.2 else phone
    born = "" if draw.random() < 0.3 else born
    card = "" if prefix != "K" and draw.random() < 0.7 else card
    consent = draw.choice(["granted", "denied", ""])
    updated = f"2026-{1 + draw.randrange(9):02d}-{1 + draw.randrange(28):02d}"
    if is_changed:
        street, updated = street + "a", "2026-10-15"
    return (f"{prefix}{number},{mail},{phone},{first},{last},{born},DE,{postal},{city},{street},{card},"
            f"{consent},{updated} 10:00:00\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("rows", type=int)
    parser.add_argument("--changed", type=float, default=0.0)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    n = options.rows
    if options.changed:
        n_changed = int(n * options.changed)
        with open(options.folder / "crm_changes.csv", "w") as out:
            out.write(HEADER)
            out.writelines(row(0, "C", place * (n // 2) // n_changed, True) for place in range(n_changed))
        return
    # Name, prefix, rows, number of the first person of its own, first and number of those whom the CRM has too.
    systems = [("crm", "C", n // 2, 0, 0, 0), ("shop", "S", n * 3 // 10, 10_000_000, 0, n * 6 // 100),
               ("club", "K", n // 5, 20_000_000, n // 10, n * 4 // 100)]
    for system, (name, prefix, n_rows, own, shared, n_shared) in enumerate(systems):
        with open(options.folder / f"{name}.csv", "w") as out:
            out.write(HEADER)
            for place in range(n_rows):
                number = shared + place if place < n_shared else own + place
                out.write(row(system, prefix, number, False))


main()
