//! The config: layers, faults, secrets, defaults, the generated pages, and the configs that come with the program.

#![expect(clippy::panic, clippy::expect_used, reason = "in a test a failure to load is a failure")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests read and rewrite the generated pages and take a switch"
)]

use std::path::{Path, PathBuf};

use clienting::config::{
    AsOf, Clv, ClvModel, ClvValue, Config, DateFormat, Overrides, Redelivery, Timing, Trigger, load,
    reference, resolve, schema,
};
use clienting::error::{Code, Warning};
use clienting::kernel::consent::Channel;
use serde_json::Value;

const FILE: &str = "conf/shop.toml";
const MINIMAL: &str = "[project]\nname = \"shop\"\ncurrency = \"EUR\"\n";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn overrides() -> Overrides {
    Overrides { working_directory: PathBuf::from("/work/here"), ..Overrides::default() }
}

fn environment(variables: &[(&str, &str)]) -> Overrides {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Overrides { environment: variables.collect(), ..overrides() }
}

fn set(arguments: &[&str]) -> Overrides {
    Overrides { set: arguments.iter().map(|argument| (*argument).to_owned()).collect(), ..overrides() }
}

fn loaded(text: &str, overrides: &Overrides) -> (Config, Vec<Warning>) {
    load(Path::new(FILE), text, overrides).unwrap_or_else(|error| panic!("{error}"))
}

fn faults(text: &str, overrides: &Overrides) -> String {
    let error = load(Path::new(FILE), text, overrides).expect_err("the config has faults");
    assert_eq!(error.code, Code::ConfigInvalid);
    error.to_string()
}

fn origin<'a>(config: &'a Config, key: &str) -> (&'a Value, &'a str) {
    let found = config.effective.iter().find(|effective| effective.key == key);
    let found = found.unwrap_or_else(|| panic!("no effective {key}"));
    (&found.value, &found.origin)
}

// ── faults ─────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_dozen_faults_are_told_at_once() {
    let text = r#"[projects]
[project]
name = "My Shop"
currency = "EURO"
timezone = "Berlin"
as_of = "2026-02-30"
keep_runs = 0
bins = 5
country = "DE"

[[source]]
name = "pos"
kind = "transaction"
path = []

[[source]]
name = "pos"
kind = "transactions"
path = "pos.csv"
delimiter = ";"
quote = ";"
date_format = "DD.MM.YYYY"
key = ["order_id"]
key_columns = 3
[source.columns]
ammount = "betrag"
email = "mail"
quantity = 3
[source.defaults]
kind = "sales"
[source.map.kind]
sale = ["S", "V"]
return = ["R"]
refund = ["V"]
[source.map.amount]
big = ["1"]

[[source]]
name = "crm"
kind = "contacts"
path = "crm.csv"
[source.columns]
consent_mail = "newsletter"
x_Tier = "tier"
x_shoe_size = "shoes"

[quality]
max_quarantined_share = 5
max_key_conflicts = "0.5"

[rfm]
bins = 4
monetary = "net-revenue"
cuts.r = [30, 90]
cuts.f = [1, 4, 2]
[[rfm.segment]]
name = "best"
r = [4, 5]
f = [3, 2]
m = 4

[[segment]]
where = ""

[[segment]]
name = "slipping"
where = 5

[segment_]
[campaign]
name = "x"

[output]
csv = { profile = "excel", delimiter = "tab", bom = "yes", quotes = true }
"#;
    insta::assert_snapshot!(faults(text, &overrides()));
}

#[test]
fn campaigns_are_checked_against_segments_and_days() {
    let text = format!(
        "{MINIMAL}{}",
        r#"
[[segment]]
name = "slipping"
where = "recency_days > 180"
[[campaign]]
name = "win_back"
segment = ["sliping", "lost"]
exclude = "slipping"
channel = ["email", "e-mail", "email", "fax"]
starts_on = 2026-12-20
ends_on = "2026-12-01"
formats = ["xlsx"]
send = { window = "08:00-20:00" }
[[campaign]]
name = "win_back"
segment = []
"#
    );
    insta::assert_snapshot!(faults(&text, &overrides()));
}

#[test]
fn syntax_faults_are_told_with_the_others_and_without_false_ones() {
    let text = "[project]\nname = shop\ncurrency = \"EUR\"\ncurrency = \"USD\"\n[rfm\nbins = 99\n\n[clv]\nunit_day = 7\n";
    insta::assert_snapshot!(faults(text, &overrides()));
}

#[test]
fn faults_of_arguments_and_variables_name_them() {
    let overrides = Overrides {
        as_of: Some("2026-13-01".to_owned()),
        ..Overrides {
            environment: environment(&[
                ("CLIENTING__RFM__BINS", "eleven"),
                ("CLIENTING__RFM__BIN", "4"),
                ("CLIENTING__SOURCE__POS__PATH", "x.csv"),
                ("CLIENTING_CONFIG", "elsewhere.toml"),
            ])
            .environment,
            ..set(&[
                "rfm.methode=nested",
                "quality.max_key_conflicts=7",
                "source.pos.path=a.csv",
                "segment.bset.where=true",
                "project.threads",
                "segment.best.priority=first",
            ])
        }
    };
    let text = format!("{MINIMAL}[[segment]]\nname = \"best\"\nwhere = \"true\"\n");
    insta::assert_snapshot!(faults(&text, &overrides));
}

#[test]
fn an_empty_file_is_told_what_it_lacks() {
    insta::assert_snapshot!(faults("", &overrides()));
}

#[test]
fn a_broken_config_does_not_scroll_for_ever() {
    let lines: Vec<String> = (0..80).map(|index| format!("unknown_{index} = 1")).collect();
    let error = load(Path::new(FILE), &format!("{MINIMAL}{}", lines.join("\n")), &overrides())
        .expect_err("80 faults");
    assert_eq!(error.details.len(), 51);
    assert_eq!(error.details[50], "and 30 more");
    assert_eq!(error.what, "the config has 80 faults");
}

#[test]
fn line_ends_of_windows_and_a_byte_order_mark_are_read() {
    let text = format!("\u{feff}{MINIMAL}[rfm]\nbins = 99\n").replace('\n', "\r\n");
    let told = faults(&text, &overrides());
    assert!(told.contains("conf/shop.toml:5:8"), "{told}");
    assert!(told.contains("the config has 1 fault\n"), "{told}");
}

#[test]
fn no_damage_to_a_file_is_worse_than_a_fault() {
    let text = std::fs::read_to_string(root().join("configs/quickstart.toml")).expect("the config is there");
    let told = |text: &str| {
        load(Path::new(FILE), text, &overrides()).err().map_or_else(String::new, |error| {
            assert_eq!(error.code, Code::ConfigInvalid);
            error.to_string()
        })
    };
    let damaged = |text: &str| {
        let told = told(text);
        assert!(!told.contains("not-for-real-use"), "{told}");
    };
    let step = std::env::var("CLIENTING_DAMAGE_STEP").ok().and_then(|step| step.parse().ok()).unwrap_or(97);
    for (at, _) in text.char_indices().step_by(step) {
        let (before, after) = text.split_at(at);
        damaged(before);
        // Without what stood before it, nobody can know that a text was a secret.
        told(after);
        for inserted in ["\"", "[", "=", "\n", "é", "'''", "${"] {
            damaged(&format!("{before}{inserted}{after}"));
        }
        damaged(&format!("{before}{}", after.chars().skip(1).collect::<String>()));
    }
}

// ── layers ─────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn each_layer_stands_over_those_before() {
    let with = |text: &str, overrides: &Overrides| {
        let (config, _) = loaded(&format!("{MINIMAL}{text}"), overrides);
        let (value, origin) = origin(&config, "clv.unit_days");
        assert_eq!(value, config.clv.unit_days);
        (config.clv.unit_days, origin.to_owned())
    };
    let variable = environment(&[("CLIENTING__CLV__UNIT_DAYS", "14")]);
    let both = Overrides {
        set: vec!["clv.unit_days=21".to_owned(), "clv.unit_days = 28".to_owned()],
        ..variable.clone()
    };
    assert_eq!(with("", &overrides()), (7, "default".to_owned()));
    assert_eq!(with("[clv]\nunit_days = 10\n", &overrides()), (10, "file:5".to_owned()));
    assert_eq!(
        with("[clv]\nunit_days = 10\n", &variable),
        (14, "environment CLIENTING__CLV__UNIT_DAYS".to_owned())
    );
    assert_eq!(with("[clv]\nunit_days = 10\n", &both), (28, "--set".to_owned()));
}

#[test]
fn flags_stand_over_everything() {
    let overrides = Overrides {
        lake: Some(PathBuf::from("../out/./$lake")),
        as_of: Some("2026-11-20".to_owned()),
        threads: Some(3),
        ..set(&["project.lake=elsewhere", "project.as_of=yesterday", "project.threads=8"])
    };
    let (config, _) = loaded(MINIMAL, &overrides);
    assert_eq!(config.project.lake, Path::new("/work/out/$lake"));
    assert_eq!(config.project.as_of, AsOf::Day(20_777));
    assert_eq!(config.project.threads, 3);
    assert_eq!(origin(&config, "project.lake"), (&"../out/./$lake".into(), "--lake"));
    assert_eq!(origin(&config, "project.as_of").1, "--as-of");
}

#[test]
fn paths_are_relative_to_whoever_names_them() {
    let text = format!(
        "{MINIMAL}lake = \"../lake\"\n[[source]]\nname = \"pos\"\nkind = \"transactions\"\npath = [\"in/*.csv\", \"/abs/./x.csv\"]\n"
    );
    let (config, _) = loaded(&text, &overrides());
    assert_eq!(config.file, Path::new("/work/here/conf/shop.toml"));
    assert_eq!(config.project.lake, Path::new("/work/here/lake"));
    assert_eq!(config.sources[0].paths, [Path::new("/work/here/conf/in/*.csv"), Path::new("/abs/x.csv")]);
    let (config, _) = loaded(&text, &set(&["source.pos.path=today/*.csv", "project.lake=lake"]));
    assert_eq!(config.sources[0].paths, [Path::new("/work/here/today/*.csv")]);
    assert_eq!(config.project.lake, Path::new("/work/here/lake"));
    let (config, _) = loaded(MINIMAL, &environment(&[("CLIENTING__PROJECT__LAKE", "l")]));
    assert_eq!(config.project.lake, Path::new("/work/here/l"));
}

#[test]
fn entries_with_names_are_addressed_by_them() {
    let text = format!(
        "{MINIMAL}[[source]]\nname = \"pos\"\nkind = \"transactions\"\npath = \"x\"\ncolumns.amount = \"old\"\n\
         [[segment]]\nname = \"best\"\nwhere = \"true\"\n\
         [[campaign]]\nname = \"hello\"\nsegment = [\"best\"]\nchannel = [\"sms\"]\n"
    );
    let (config, warnings) = loaded(
        &text,
        &set(&[
            "source.pos.columns.amount=betrag",
            "source.pos.columns.quantity=[\"menge\", \"anzahl\"]",
            "source.pos.map.kind.refund=[\"R\"]",
            "source.pos.defaults.channel=store",
            "source.pos.key=[]",
            "source.pos.redelivery=add",
            "segment.best.where=country = 'DE' AND revenue > 5",
            "campaign.hello.max_contacts=5",
            "campaign.hello.channel=[\"email\", \"phone_auto\"]",
            "campaign.hello.starts_on=2026-01-01",
            "rfm.segment.champions.r=[5, 5]",
            "output.csv.bom=false",
            "rfm.cuts.m=[1, 2.5, 3, 4]",
        ]),
    );
    let source = &config.sources[0];
    assert_eq!(source.columns["amount"], ["betrag"]);
    assert_eq!(source.columns["quantity"], ["menge", "anzahl"]);
    assert_eq!(source.map["kind"]["refund"], ["R"]);
    assert_eq!(source.defaults["channel"], "store");
    assert_eq!(source.key, Some(Vec::new()));
    assert_eq!(source.redelivery, Redelivery::Add);
    assert_eq!(config.segments[0].predicate, "country = 'DE' AND revenue > 5");
    assert_eq!(config.segments[0].place, "--set segment.best.where=country = 'DE' AND revenue > 5");
    assert_eq!(config.campaigns[0].max_contacts, 5);
    assert_eq!(config.campaigns[0].channels, [Channel::Email, Channel::PhoneAuto]);
    assert_eq!(config.campaigns[0].starts_on, Some(20_454));
    assert_eq!(config.rfm.cuts_m.as_deref(), Some([1.0, 2.5, 3.0, 4.0].as_slice()));
    assert!(!config.output.csv_bom);
    // A default rule that is touched makes the rules one's own: the cells that it leaves go to the next rule.
    assert!(!config.rfm.default_segments);
    assert_eq!(warnings, []);
}

#[test]
fn a_file_says_what_it_means_and_the_rest_is_default() {
    let text = format!(
        "{MINIMAL}as_of = 2026-11-20\ntimezone = \"europe/berlin\"\n[[source]]\nname = \"a\"\nkind = \"contacts\"\n\
         path = \"a.csv\"\nquote = \"\"\ndelimiter = \"\\t\"\ndate_format = \"%d.%m.%Y %H:%M\"\n\
         columns = {{ x_club = \"club\", consent_email = [\"newsletter\", \"news\"] }}\n\
         [[segment]]\nname = \"s\"\nwhere = \"n_orders > 1\"\n"
    );
    let (config, warnings) = loaded(&text, &overrides());
    assert_eq!(warnings, []);
    assert_eq!(config.project.as_of, AsOf::Day(20_777));
    assert_eq!(config.project.timezone, "Europe/Berlin");
    let source = &config.sources[0];
    assert_eq!((source.quote, source.delimiter), (None, b'\t'));
    assert_eq!(source.date_format, DateFormat::Pattern("%d.%m.%Y %H:%M".to_owned()));
    assert_eq!((source.key.as_ref(), source.id_space.as_str(), source.trim), (None, "customer", true));
    assert_eq!(source.null_values, [""]);
    assert_eq!(config.segments[0].place, "conf/shop.toml:16:9");
    assert_eq!((config.segments[0].priority, config.segments[0].group.as_str()), (10, ""));
    assert_eq!(origin(&config, "source.a.path"), (&"a.csv".into(), "file:9"));
    assert_eq!(origin(&config, "source.a.header"), (&true.into(), "default"));
}

// ── substitution and secrets ───────────────────────────────────────────────────────────────────────

#[test]
fn variables_are_replaced_in_values_only() {
    let text = format!(
        "{MINIMAL}[[segment]]\nname = \"s\"\nwhere = \"country = '${{LAND}}' AND ${{MORE:-n_orders > 1}} AND city <> '$$'\"\n"
    );
    let (config, _) = loaded(&text, &environment(&[("LAND", "DE\"\nname = \"x")]));
    assert_eq!(config.segments[0].predicate, "country = 'DE\"\nname = \"x' AND n_orders > 1 AND city <> '$'");
    let told = faults(&text, &environment(&[("LANT", "DE")]));
    assert!(told.contains("the environment variable `LAND` is not set"), "{told}");
    assert!(told.contains("did you mean `LANT`?"), "{told}");
    assert!(told.contains("conf/shop.toml:6:21"), "{told}");
}

#[test]
fn secrets_are_shown_nowhere() {
    const SECRET: &str = "hunter2-hunter2";
    let variable = environment(&[("KEY", SECRET), ("CLIENTING__PRIVACY__REPORT_KEY", SECRET)]);
    let text = format!(
        "{MINIMAL}[privacy]\nsuppression_key = \"${{KEY}}\"\n[contact_policy]\nsalt = \"{SECRET}\"\n"
    );
    let (config, _) = loaded(&text, &variable);
    assert_eq!(config.privacy.suppression_key, SECRET);
    assert_eq!(config.privacy.report_key, SECRET);
    assert_eq!(config.contact_policy.salt, SECRET);
    let shown = serde_json::to_string(&config.effective).expect("effective values are JSON");
    assert!(!shown.contains(SECRET), "{shown}");
    assert_eq!(origin(&config, "privacy.suppression_key").0, "***");
    let (config, _) = loaded(MINIMAL, &overrides());
    assert_eq!(origin(&config, "privacy.suppression_key").0, "");

    for text in [
        format!("[privacy]\nsupression_key = \"{SECRET}\"\n"),
        format!("[privacy]\nx = [\"{SECRET}\"]\n"),
        format!("[contact_policy]\nslat = \"{SECRET}\"\n"),
        format!("contact_policy.slt = \"{SECRET}\"\n"),
        format!("[contact_policy]\nsalt = [\n  \"{SECRET}\",\n  \"{SECRET}\",\n]\n"),
        format!("privacy = {{ report_key = [\"{SECRET}\"], y = \"{SECRET}\" }}\n"),
        format!("[project]\nreport_key = \"{SECRET}\"\n"),
        format!("[privacy.report_key]\nvalue = \"{SECRET}\"\n"),
        format!("[privacy]\nreport_key = \"{SECRET}\nsuppression_key = {SECRET}\n"),
        format!("[privacy]\nreport_key = \"\"\"\n{SECRET}\n = {SECRET}\n\"\"\" x\n"),
        format!("[contact_policy]\nsalt = [\n\"{SECRET}\"\n\"{SECRET}\"\n]\n"),
        format!("[contact_policy]\n\"salt\" = '{SECRET}' '{SECRET}'\n"),
        format!("[[source]]\nname = \"a\"\npassword = \"{SECRET}\"\n"),
        format!("[privacy]\nreport_key = \"{SECRET}${{unclosed\"\n"),
    ] {
        let told = faults(&text, &overrides());
        assert!(!told.contains("hunter2"), "{told}");
    }
    for argument in ["privacy.report_kee", "contact_policy.salt.x", "privacy.report_key"] {
        let told = faults("", &set(&[&format!("{argument}={SECRET}${{NONE}}")]));
        assert!(!told.contains("hunter2"), "{told}");
    }
    insta::assert_snapshot!(faults(
        &format!("{MINIMAL}[privacy]\nreport_key = 7\nsupression_key = \"{SECRET}\"\n"),
        &set(&[&format!("contact_policy.salt={SECRET}${{NONE}}")])
    ));
}

// ── RFM rules ──────────────────────────────────────────────────────────────────────────────────────

/// Names of the rules that win each cell; "others" where none matches.
fn winners(config: &Config) -> Vec<String> {
    let bins = config.rfm.bins;
    let mut winners = Vec::new();
    for r in 1..=bins {
        for f in 1..=bins {
            for m in 1..=bins {
                let winner = config.rfm.segments.iter().find(|rule| {
                    (rule.r.0..=rule.r.1).contains(&r)
                        && (rule.f.0..=rule.f.1).contains(&f)
                        && (rule.m.0..=rule.m.1).contains(&m)
                });
                winners.push(winner.map_or("others", |rule| rule.name.as_str()).to_owned());
            }
        }
    }
    winners
}

#[test]
fn the_default_rules_cover_all_cells_for_every_number_of_bins() {
    for bins in 2..=10 {
        let (config, warnings) = loaded(&format!("{MINIMAL}[rfm]\nbins = {bins}\n"), &overrides());
        assert!(config.rfm.default_segments);
        assert_eq!(config.rfm.segments.len(), 10);
        let winners = winners(&config);
        assert!(!winners.contains(&"others".to_owned()), "{bins} bins");
        assert_eq!(winners.last().map(String::as_str), Some("champions"), "{bins} bins");
        let codes: Vec<&str> = warnings.iter().map(|warning| warning.code).collect();
        if bins == 5 {
            assert!(codes.is_empty());
        } else {
            assert_eq!(codes, ["rfm_segments_scaled"]);
        }
        if bins >= 5 {
            for rule in &config.rfm.segments {
                assert!(winners.contains(&rule.name), "{} is hidden with {bins} bins", rule.name);
                assert!(rule.r.1 <= bins && rule.f.1 <= bins && rule.m.1 <= bins);
            }
        }
    }
}

#[test]
fn no_rules_at_all_are_rules_of_ones_own() {
    let (config, warnings) = loaded(&format!("{MINIMAL}[rfm]\nbins = 4\nsegment = []\n"), &overrides());
    assert!(config.rfm.segments.is_empty() && !config.rfm.default_segments);
    assert_eq!(
        warnings.iter().map(|warning| (warning.code, warning.count)).collect::<Vec<_>>(),
        [("rfm_cells_uncovered", 64)]
    );
}

#[test]
fn rules_of_ones_own_replace_the_default_and_are_looked_at() {
    let text = format!(
        "{MINIMAL}[rfm]\nbins = 3\n\
         [[rfm.segment]]\nname = \"top\"\nr = [2, 3]\nf = [1, 3]\nm = [1, 3]\n\
         [[rfm.segment]]\nname = \"best\"\nr = [3, 3]\nf = [3, 3]\nm = [3, 3]\n"
    );
    let (config, warnings) = loaded(&text, &overrides());
    assert_eq!(config.rfm.segments.len(), 2);
    assert!(!config.rfm.default_segments);
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"));
}

// ── defaults, generated pages, configs that come along ─────────────────────────────────────────────

const DEFAULT: &str = clienting::config::layers::DEFAULT;

#[test]
fn the_default_file_gives_the_defaults_of_the_schema() {
    let (config, warnings) = loaded(MINIMAL, &overrides());
    assert_eq!(warnings, []);
    for key in schema::KEYS {
        let has_default = key.default.is_some();
        assert_eq!(
            has_default,
            resolve::default_of(key).is_some(),
            "{}: its default has not its type",
            key.path
        );
        if key.path.contains("[]") || key.required {
            continue;
        }
        let (value, origin) = origin(&config, key.path);
        assert_eq!(origin, "default", "{}", key.path);
        if !key.secret {
            let default = key.default.map_or(Value::Null, |text| {
                let table: toml::Table = format!("x = {text}").parse().expect("a default is TOML");
                serde_json::to_value(&table["x"]).expect("TOML is JSON")
            });
            assert_eq!(*value, default, "{}", key.path);
        }
    }
}

#[test]
fn the_default_file_documents_every_key_and_no_other() {
    // Every line that is a key or a header, commented out or not.
    let mut section = String::new();
    let mut documented = Vec::new();
    for line in DEFAULT.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(header) = line.strip_prefix('[') {
            let is_array = header.starts_with('[');
            let header = header.trim_start_matches('[').split(']').next().unwrap_or_default();
            let header = header
                .replace("source.", "source[].")
                .replace("campaign.", "campaign[].")
                .replace("loyalty.", "loyalty[].");
            section = if is_array { format!("{header}[]") } else { header };
        } else if let Some((name, _)) = line.split_once(" = ")
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        {
            documented.push(format!("{section}.{name}"));
        }
        if line.starts_with("send = ") {
            documented.extend(
                ["trigger", "offset_days", "expiry_days"].map(|name| format!("campaign[].send.{name}")),
            );
        }
        if line.starts_with("csv = ") {
            documented.extend(["profile", "delimiter", "bom"].map(|name| format!("output.csv.{name}")));
        }
    }
    for key in schema::KEYS {
        let inner = format!("{}.", key.path);
        let is_there = documented.iter().any(|path| path == key.path || path.starts_with(&inner));
        assert!(is_there, "{} is not in default.toml", key.path);
    }
    for path in &documented {
        let is_known = schema::find(path).is_some()
            || schema::find_section(path).is_some()
            || ["source[].columns.", "source[].defaults.", "source[].map."]
                .iter()
                .any(|map| path.starts_with(map));
        assert!(is_known, "default.toml documents {path}, which there is not");
    }
}

#[test]
fn the_examples_of_the_default_file_load() {
    let text: String = DEFAULT
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(code) if ["[[", "[source", "[campaign"].iter().any(|header| code.starts_with(header)) => {
                format!("{code}\n")
            }
            Some(code) if is_key(code) => format!("{code}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let (config, warnings) = loaded(&text, &overrides());
    assert_eq!(warnings, []);
    assert_eq!((config.sources.len(), config.segments.len(), config.campaigns.len()), (1, 1, 1));
    assert_eq!(config.rfm.cuts_r.map(|cuts| cuts.len()), Some(4));
}

fn is_key(line: &str) -> bool {
    line.split_once(" = ")
        .is_some_and(|(name, _)| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

#[test]
fn the_configs_that_come_along_have_no_fault() {
    let schema = reference::json_schema();
    for (name, n_sources, n_campaigns) in [("quickstart", 2, 4), ("cdnow", 1, 0), ("online_retail", 1, 0)] {
        let file = root().join("configs").join(format!("{name}.toml"));
        let text = std::fs::read_to_string(&file).expect("the config is there");
        let (config, warnings) = load(&file, &text, &overrides()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(warnings, [], "{name}");
        assert_eq!(config.project.name, name);
        assert_eq!(config.project.lake, root().join("lake").join(name));
        assert_eq!((config.sources.len(), config.campaigns.len()), (n_sources, n_campaigns), "{name}");
        assert_eq!(violations(&schema, &as_json(&text), name, true), Vec::<String>::new());
    }
}

#[test]
fn the_default_file_passes_the_json_schema() {
    // Required keys have no default, so they are not asked for here.
    let schema = reference::json_schema();
    assert_eq!(violations(&schema, &as_json(DEFAULT), "default", false), Vec::<String>::new());
    let wrong = as_json("[rfm]\nbins = 11\nbin = 1\nmethod = \"x\"\n[[source]]\npath = 5\n");
    assert_eq!(violations(&schema, &wrong, "wrong", false).len(), 4);
}

fn as_json(text: &str) -> Value {
    let table: toml::Table = text.parse().expect("the config is TOML");
    plain(toml::Value::Table(table))
}

/// TOML's dates have no JSON of their own: the schema sees them as strings.
fn plain(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(list) => list.into_iter().map(plain).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        other => serde_json::to_value(other).expect("TOML is JSON"),
    }
}

/// The part of JSON Schema that the config's schema uses, but for patterns.
fn violations(schema: &Value, value: &Value, at: &str, is_whole: bool) -> Vec<String> {
    let mut found = Vec::new();
    let is_type = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => false,
    };
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_type(name)) {
        return vec![format!("{at}: {value} is not {types:?}")];
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        found.push(format!("{at}: {value} is none of {allowed:?}"));
    }
    if let Some(options) = schema["anyOf"].as_array()
        && options.iter().all(|option| !violations(option, value, at, is_whole).is_empty())
    {
        found.push(format!("{at}: {value} is none of the forms"));
    }
    let size = value.as_str().map(|text| text.chars().count()).or(value.as_array().map(Vec::len));
    #[expect(clippy::cast_precision_loss, reason = "sizes of values in a config are small")]
    let size = size.map(|size| size as f64);
    for (low, high, measured) in [
        ("minimum", "maximum", value.as_f64()),
        ("minLength", "maxLength", size),
        ("minItems", "maxItems", size),
    ] {
        let Some(measured) = measured else { continue };
        if schema[low].as_f64().is_some_and(|low| measured < low)
            || schema[high].as_f64().is_some_and(|high| measured > high)
        {
            found.push(format!("{at}: {value} is out of range"));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(violations(&schema["items"], item, &format!("{at}[{index}]"), is_whole));
    }
    let Some(object) = value.as_object() else { return found };
    for (name, inner) in object {
        let at = format!("{at}.{name}");
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(property), _) => found.extend(violations(property, inner, &at, is_whole)),
            (None, Value::Bool(false)) => found.push(format!("{at} is unknown")),
            (None, other) => found.extend(violations(other, inner, &at, is_whole)),
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if is_whole && !object.contains_key(name) {
            found.push(format!("{at}.{name} is missing"));
        }
    }
    found
}

#[test]
fn the_generated_pages_are_current() {
    let schema = serde_json::to_string_pretty(&reference::json_schema()).expect("a schema is JSON");
    for (name, current) in
        [("config.md", reference::reference_markdown()), ("config.schema.json", format!("{schema}\n"))]
    {
        let file = root().join("docs").join(name);
        if std::env::var_os("CLIENTING_UPDATE").is_some() {
            std::fs::write(&file, &current).expect("the page can be written");
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == current,
            "docs/{name} is not current: CLIENTING_UPDATE=1 cargo test --release --test config"
        );
    }
}

// ── lifetime value ─────────────────────────────────────────────────────────────────────────────────

#[test]
fn lifetime_value_is_read_with_its_defaults() {
    let (config, _) = loaded(MINIMAL, &overrides());
    let expected = Clv {
        model: ClvModel::Auto,
        unit_days: 7,
        horizon_days: 365,
        discount_rate: 0.10,
        value: ClvValue::Margin,
        holdout_days: 0,
        interval: 0.80,
        segment_by: String::new(),
    };
    assert_eq!(config.clv, expected);
    let own = "[clv]\nmodel = \"pareto_nbd\"\nunit_days = 1\nhorizon_days = 90\ndiscount_rate = 0\n\
               value = \"net_revenue\"\nholdout_days = 60\ninterval = 0.5\nsegment_by = \"country\"\n";
    let (config, _) = loaded(&format!("{MINIMAL}{own}"), &overrides());
    let expected = Clv {
        model: ClvModel::ParetoNbd,
        unit_days: 1,
        horizon_days: 90,
        discount_rate: 0.0,
        value: ClvValue::NetRevenue,
        holdout_days: 60,
        interval: 0.5,
        segment_by: "country".to_owned(),
    };
    assert_eq!(config.clv, expected);
}

#[test]
fn faults_of_lifetime_value_have_a_place_and_a_mend() {
    let clv = "[summary]\nlines = false\n[clv]\nmodel = \"bgnbd\"\nhorizon_days = 0\ndiscount_rate = 10\ninterval = 1.0\n\
               segment_by = \"main_line\"\n";
    let told = faults(&format!("{MINIMAL}{clv}"), &overrides());
    for part in [
        "conf/shop.toml:7:9",
        "did you mean \"bg_nbd\"?",
        "`clv.horizon_days` must be a whole number from 1 to 36525",
        "for 10 per cent write 0.10",
        "`clv.interval` must lie above 0 and below 1",
        "conf/shop.toml:10:12",
        "`clv.segment_by` names \"main_line\", which is not counted",
        "set summary.lines = true, or name another column",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    assert!(faults(&format!("{MINIMAL}[clv]\ninterval = 0\n"), &overrides()).contains("above 0 and below 1"));
    let other = faults(&format!("{MINIMAL}[clv]\nsegment_by = \"contry\"\n"), &overrides());
    assert!(other.contains("did you mean \"country\"?"), "{other}");
}

#[test]
fn the_day_to_send_on_is_part_of_a_campaign() {
    let shop = format!(
        "{MINIMAL}[[segment]]\nname = \"all\"\nwhere = \"true\"\n[[campaign]]\nname = \"early\"\nsegment = [\"all\"]\n\
         channel = [\"email\"]\n"
    );
    let send =
        |text: &str, overrides: &Overrides| loaded(&format!("{shop}{text}"), overrides).0.campaigns[0].send;
    let none = Timing { trigger: Trigger::None, offset_days: 0, expiry_days: 7 };
    assert_eq!(send("", &overrides()), none);
    let own = "[campaign.send]\ntrigger = \"expected_next_purchase\"\noffset_days = -3\n";
    let expected = Timing { trigger: Trigger::ExpectedNextPurchase, offset_days: -3, ..none };
    assert_eq!(send(own, &overrides()), expected);
    assert_eq!(send("send = { trigger = \"last_purchase\" }\n", &overrides()).trigger, Trigger::LastPurchase);
    let argument = set(&["campaign.early.send.trigger=first_purchase"]);
    assert_eq!(send("", &argument).trigger, Trigger::FirstPurchase);
    let (config, _) = loaded(&format!("{shop}{own}"), &overrides());
    assert_eq!(origin(&config, "campaign.early.send.offset_days").0, &Value::from(-3));
    let told =
        faults(&format!("{shop}[campaign.send]\ntrigger = \"birthday\"\nwindow = \"8-20\"\n"), &overrides());
    for part in ["`campaign.early.send.trigger` must be one of", "this version does not know it yet"] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}
