"""The same register of known truth through clienting and splink, in alternation; quality of both, medians of the time."""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import duckdb
import splink.comparison_level_library as levels
import splink.comparison_library as comparisons
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

NAMES = ("first_name", "last_name")
# The blocking rules of src/kernel/linkage/blocking.rs.
RULES = [
    block_on("last_name", "birth_date"),
    block_on("first_name", "birth_date"),
    block_on("postal_code", "last_name"),
    block_on("postal_code", "first_name"),
    block_on("birth_date", "postal_code"),
    block_on("first_name", "last_name"),
    block_on("last_sound", "first_sound", "substr(birth_date, 1, 4)"),
    block_on("postal_code", "substr(first_name, 1, 1)", "substr(birth_date, 1, 4)"),
]


def tutorial():
    """Comparisons as splink's tutorial takes them: its own for names and days of birth, term frequencies for the rest."""
    return [
        comparisons.NameComparison("first_name"),
        comparisons.NameComparison("last_name"),
        comparisons.DateOfBirthComparison("birth_date", input_is_string=True),
        comparisons.LevenshteinAtThresholds("postal_code", [1, 2]).configure(term_frequency_adjustments=True),
        comparisons.JaroWinklerAtThresholds("street", [0.92, 0.8]).configure(term_frequency_adjustments=True),
    ]


def same_levels():
    """Comparisons with the levels of src/kernel/linkage/compare.rs, as near as DuckDB's functions come."""

    def name(column):
        initial = (f"(length({column}_l) = 1 or length({column}_r) = 1) "
                   f"and substr({column}_l, 1, 1) = substr({column}_r, 1, 1)")
        return comparisons.CustomComparison(output_column_name=column, comparison_levels=[
            levels.NullLevel(column),
            levels.ExactMatchLevel(column, term_frequency_adjustments=True),
            levels.JaroWinklerLevel(column, 0.92),
            levels.CustomLevel(f"jaro_winkler_similarity({column}_l, {column}_r) >= 0.8 or ({initial})"),
            levels.ElseLevel(),
        ])

    swapped = ("substr(birth_date_l, 1, 4) = substr(birth_date_r, 1, 4) "
               "and substr(birth_date_l, 6, 2) = substr(birth_date_r, 9, 2) "
               "and substr(birth_date_l, 9, 2) = substr(birth_date_r, 6, 2)")
    return [
        name("first_name"),
        name("last_name"),
        comparisons.CustomComparison(output_column_name="birth_date", comparison_levels=[
            levels.NullLevel("birth_date"),
            levels.ExactMatchLevel("birth_date"),
            levels.CustomLevel(f"damerau_levenshtein(birth_date_l, birth_date_r) <= 1 or ({swapped})"),
            levels.CustomLevel("substr(birth_date_l, 1, 4) = substr(birth_date_r, 1, 4)"),
            levels.ElseLevel(),
        ]),
        comparisons.CustomComparison(output_column_name="postal_code", comparison_levels=[
            levels.NullLevel("postal_code"),
            levels.ExactMatchLevel("postal_code", term_frequency_adjustments=True),
            levels.DamerauLevenshteinLevel("postal_code", 1),
            levels.CustomLevel("substr(postal_code_l, 1, 2) = substr(postal_code_r, 1, 2)"),
            levels.ElseLevel(),
        ]),
        comparisons.CustomComparison(output_column_name="street", comparison_levels=[
            levels.NullLevel("street"),
            levels.ExactMatchLevel("street", term_frequency_adjustments=True),
            levels.CustomLevel("jaro_winkler_similarity(street_l, street_r) >= 0.92 and "
                               "regexp_replace(street_l, '[^0-9]', '', 'g') = regexp_replace(street_r, '[^0-9]', '', 'g')"),
            levels.JaroWinklerLevel("street", 0.8),
            levels.ElseLevel(),
        ]),
    ]


def by_splink(path, compared, seed):
    """Reads the file, estimates, scores; seconds of each step, and what was scored."""
    started, cpu = time.perf_counter(), time.process_time()
    connection = duckdb.connect()
    lowered = ", ".join(f"nullif(lower({name}), '') as {name}" for name in (*NAMES, "street"))
    known = ", ".join(f"nullif({name}, '') as {name}"
                      for name in ("birth_date", "postal_code", "first_sound", "last_sound"))
    connection.execute(f"create table exported as select cast(unique_id as integer) as unique_id, {lowered}, {known} "
                       "from read_csv(?, all_varchar = true, header = true)", [str(path)])
    api = DuckDBAPI(connection)
    settings = SettingsCreator(link_type="dedupe_only", comparisons=compared(), max_iterations=100,
                               blocking_rules_to_generate_predictions=RULES, retain_matching_columns=False)
    people = api.register(connection.table("exported"), dataset_display_name="people")
    linker = Linker(people, settings, log_level=None)
    read = time.perf_counter() - started
    linker.training.estimate_probability_two_random_records_match(
        [block_on("first_name", "last_name", "birth_date"), block_on("last_name", "birth_date", "postal_code"),
         block_on("first_name", "last_name", "street")], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=seed)
    for rule in (block_on("first_name", "last_name"), block_on("birth_date"), block_on("postal_code", "last_name")):
        linker.training.estimate_parameters_using_expectation_maximisation(
            rule, estimate_without_term_frequencies=True)
    estimated = time.perf_counter() - started
    predicted = linker.inference.predict(threshold_match_probability=0.01)
    done, cpu = time.perf_counter() - started, time.process_time() - cpu
    connection.execute("create table truth as select cast(unique_id as integer) as id, person "
                       "from read_csv(?, all_varchar = true, header = true)", [str(path)])
    rows = connection.execute(
        f"select match_weight, a.person = b.person from {predicted.physical_name} as p "
        "join truth as a on a.id = p.unique_id_l join truth as b on b.id = p.unique_id_r order by match_weight desc"
    ).fetchall()
    n_true = connection.execute("select sum(n * (n - 1) / 2) from (select count(*) as n from truth group by person)").fetchone()[0]
    return {"read": read, "estimate": estimated - read, "score": done - estimated, "total": done, "cpu": cpu, **quality(rows, n_true)}


def measures(n_right, n_found, n_true):
    return [round(n_right / max(n_found, 1), 5), round(n_right / n_true, 5), round(2 * n_right / (n_found + n_true), 5)]


def quality(rows, n_true):
    """Precision, recall and F1 at the best threshold, at a probability of 0.99 and of 0.5."""
    best, n_right = (None, [0, 0, 0]), 0
    at = {"at_merge": 6.62935662007961, "at_half": 0.0}
    found = dict.fromkeys(at, [0, 0, 0])
    for n_found, (weight, is_true) in enumerate(rows, 1):
        n_right += is_true
        if n_found < len(rows) and rows[n_found][0] == weight:
            continue
        here = measures(n_right, n_found, n_true)
        if here[2] > best[1][2]:
            best = (weight, here)
        for name, least in at.items():
            if weight >= least:
                found[name] = here
    return {"best_weight": best[0], "best": best[1], **found}


def by_clienting(binary, options, path):
    command = [binary, "--people", str(options.people), "--seed", str(options.seed), "--rounds", "1", "--write", str(path)]
    command += ["--alone"] if options.alone else []
    line = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[0]
    return json.loads(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--people", type=int, default=150_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="nobody has a family")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    taken = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        for round_ in range(options.rounds):
            first = by_clienting(options.binary, options, path)
            taken.setdefault("clienting", []).append(first)
            for name, compared in (("splink, tutorial", tutorial), ("splink, same levels", same_levels)):
                taken.setdefault(name, []).append(by_splink(path, compared, options.seed + round_))
    print(f"{first['rows']:,} rows of {options.people:,} people, {first['true_pairs']:,} true pairs, {options.rounds} rounds; "
          "medians in seconds, of processor time too; precision, recall, F1\n")
    print("| | seconds | processor | best threshold | P ≥ 0.99 | P ≥ 0.5 |\n|---|---|---|---|---|---|")
    for name, rows in taken.items():
        middle = sorted(rows, key=lambda row: row["best"][2])[len(rows) // 2]
        shown = [" ".join(f"{share:.4f}" for share in middle[key]) for key in ("best", "at_merge", "at_half")]
        times = [statistics.median(row[key] for row in rows) for key in ("total", "cpu")]
        print(f"| {name} | " + " | ".join(f"{seconds:.2f}" for seconds in times) + " | " + " | ".join(shown) + " |")
    for name, rows in taken.items():
        print(f"\n{name}: {json.dumps(rows[-1])}")


if __name__ == "__main__":
    main()
