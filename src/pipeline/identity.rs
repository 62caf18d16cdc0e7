//! A lake belongs to one project: what it was made with is refused to change.

use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::store::files;
use crate::store::lake::{self, Identity, Lake};

/// What a lake made with this config is.
pub(super) fn identity(config: &Config) -> Identity {
    let spaces = config.id_spaces();
    let keys = [
        ("report_key", &config.privacy.report_key),
        ("salt", &config.contact_policy.salt),
        ("suppression_key", &config.privacy.suppression_key),
    ];
    let fingerprint = |name: &str, key: &str| files::hash_bytes(format!("clienting {name} {key}").as_bytes());
    Identity {
        format: lake::FORMAT,
        project: config.project.name.clone(),
        currency: config.project.currency.code.clone(),
        timezone: config.project.timezone.clone(),
        id_spaces: spaces.into_iter().map(str::to_owned).collect(),
        key_fingerprints: keys
            .into_iter()
            .filter(|(_, key)| !key.is_empty())
            .map(|(name, key)| (name.to_owned(), fingerprint(name, key).chars().take(16).collect()))
            .collect(),
    }
}

/// A lake made with another config is refused, naming both.
pub(super) fn check_identity(lake: &Lake, config: &Config) -> Result<()> {
    let Some(made) = lake.identity()? else { return Ok(()) };
    let wanted = identity(config);
    let mut differences = Vec::new();
    let mut compare = |what: &str, made: &str, wanted: &str| {
        if made != wanted {
            differences.push(format!("{what} {made:?}, the config says {wanted:?}"));
        }
    };
    compare("format", &made.format.to_string(), &wanted.format.to_string());
    compare("project", &made.project, &wanted.project);
    compare("currency", &made.currency, &wanted.currency);
    compare("timezone", &made.timezone, &wanted.timezone);
    // One numbering makes ids bare, several make them `space:id`; going from one to the other would rename everybody.
    if (made.id_spaces.len() > 1) != (wanted.id_spaces.len() > 1) {
        compare("id_spaces", &made.id_spaces.join(", "), &wanted.id_spaces.join(", "));
    }
    for (name, print) in &made.key_fingerprints {
        let wanted = wanted.key_fingerprints.get(name).map_or("none", String::as_str);
        if name != "report_key" {
            compare(&format!("fingerprint of {name}"), print, wanted);
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    let what = format!("the lake was made with {}", differences.join("; "));
    Err(Error::new(Code::LakeMismatch, what)
        .at(lake.root())
        .hint("undo the change, or name a new folder with project.lake"))
}

/// What a lake is bound to after a run of this config: what it was made with, and keys and id spaces that were set since.
pub(super) fn extended(made: Option<&Identity>, wanted: Identity) -> Identity {
    let Some(made) = made else { return wanted };
    let mut bound = made.clone();
    for (name, print) in wanted.key_fingerprints {
        bound.key_fingerprints.entry(name).or_insert(print);
    }
    // With one numbering ids are bare, whatever it is called; only where there are several does another join them.
    if bound.id_spaces.len() > 1 {
        bound.id_spaces.extend(wanted.id_spaces);
        bound.id_spaces.sort_unstable();
        bound.id_spaces.dedup();
    }
    bound
}
