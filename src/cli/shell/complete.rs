//! `vmlog complete`: candidates for a word, for shell completions. It is hidden, prints one candidate per line and
//! never fails, because a shell cannot show an error during completion.

use crate::cli::endpoint::{self, Backend, JsonQuestion};
use crate::cli::failure::Failure;
use crate::cli::parameters::{Parameters, add};
use crate::cli::terminal::escape::is_harmless;
use crate::cli::terminal::output::StandardOutput;
use crate::journal::{Journal, JournalOptions};
use crate::record::Level;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Maximum number of candidates for one word, more than a person reads.
const CANDIDATES_MAX: usize = 500;
/// Number of records whose metadata keys are offered.
const SAMPLE_RECORDS: &str = "500";
const JOURNALS: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// The arguments of `vmlog complete`.
pub(in crate::cli) fn command() -> Command {
    Command::new("complete")
        .about("Print candidates for the completions of a shell")
        .hide(true)
        .arg(
            Arg::new("kind")
                .required(true)
                .value_parser(PossibleValuesParser::new([
                    "sources",
                    "units",
                    "journal-units",
                    "runs",
                    "fields",
                    "keys",
                    "levels",
                    "boots",
                    "windows",
                    "expressions",
                ]))
                .help("What to complete"),
        )
        .arg(
            Arg::new("word")
                .default_value("")
                .allow_hyphen_values(true)
                .help("The word so far"),
        )
        .args(endpoint::arguments())
}

/// Prints the candidates that begin with the word.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let word = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let found = candidates(matches, word("kind"), word("word")).unwrap_or_default();
    let mut output = StandardOutput::new();
    let safe = found
        .iter()
        .filter(|candidate| candidate.chars().all(is_harmless));
    for candidate in safe.take(CANDIDATES_MAX) {
        output.buffer().extend_from_slice(candidate.as_bytes());
        output.buffer().push(b'\n');
    }
    output.finish()
}

fn candidates(matches: &ArgMatches, kind: &str, word: &str) -> Result<BTreeSet<String>, Failure> {
    let mut found = match kind {
        "journal-units" => return Ok(journal_units(word)),
        "runs" => runs(&mut Backend::open(matches)?)?,
        "fields" => fields(&mut Backend::open(matches)?, word)?,
        "keys" => keys(&mut Backend::open(matches)?)?,
        "levels" => return Ok(levels(word)),
        "boots" => boots(&mut Backend::open(matches)?)?,
        "windows" => windows(&mut Backend::open(matches)?)?,
        "expressions" => expressions(&mut Backend::open(matches)?, word)?,
        "units" => units(&mut Backend::open(matches)?)?,
        _ => sources(&mut Backend::open(matches)?, word)?,
    };
    found.retain(|candidate| candidate.starts_with(word));
    Ok(found)
}

/// Names of sources, and prefixes of their kinds. A word that starts with `-` excludes one.
fn sources(backend: &mut Backend, word: &str) -> Result<BTreeSet<String>, Failure> {
    let mut found = BTreeSet::new();
    for name in source_names(backend)? {
        let kind = name.split_once(':').map(|(kind, _)| format!("{kind}:"));
        found.extend(kind);
        found.insert(name);
    }
    if word.starts_with('-') {
        found = found.into_iter().map(|name| format!("-{name}")).collect();
    }
    Ok(found)
}

fn units(backend: &mut Backend) -> Result<BTreeSet<String>, Failure> {
    let names = source_names(backend)?.into_iter();
    Ok(names
        .filter_map(|name| name.strip_prefix("system:").map(str::to_owned))
        .collect())
}

fn source_names(backend: &mut Backend) -> Result<Vec<String>, Failure> {
    let page = backend.sources(&Parameters::new())?;
    Ok(page.rows.into_iter().map(|row| row.name).collect())
}

fn runs(backend: &mut Backend) -> Result<BTreeSet<String>, Failure> {
    let page = backend.runs(&Parameters::new())?;
    let ids = page.rows.into_iter().map(|run| run.id);
    Ok(ids.chain(["last".to_owned()]).collect())
}

/// Keys of metadata or, after `KEY=`, the values of that key.
fn fields(backend: &mut Backend, word: &str) -> Result<BTreeSet<String>, Failure> {
    if let Some((key, _)) = word.split_once('=') {
        let values = backend.values(key.trim_end_matches('!'))?.into_iter();
        return Ok(values.map(|(value, _)| format!("{key}={value}")).collect());
    }
    let keys = keys(backend)?.into_iter();
    Ok(keys.map(|key| format!("{key}=")).collect())
}

fn keys(backend: &mut Backend) -> Result<BTreeSet<String>, Failure> {
    let mut parameters = Parameters::new();
    add(&mut parameters, "limit", Some(SAMPLE_RECORDS));
    let page = backend.page(&parameters)?;
    let keys = page.entries.iter().flat_map(|stored| {
        let keys = stored.record.metadata.iter();
        keys.map(|(key, _)| key.to_owned())
    });
    Ok(keys.collect())
}

/// Levels, also as the last of a list.
fn levels(word: &str) -> BTreeSet<String> {
    let (before, last) = word.split_at(word.rfind(',').map_or(0, |at| at + 1));
    let names = Level::ALL.iter().map(|level| level.as_str());
    names
        .filter(|name| name.starts_with(last))
        .map(|name| format!("{before}{name}"))
        .collect()
}

fn boots(backend: &mut Backend) -> Result<BTreeSet<String>, Failure> {
    let answer = backend.answer(JsonQuestion::Boots, &Parameters::new())?;
    let boots = answer["boots"].as_array().into_iter().flatten();
    let indexes = boots.map(|boot| boot["index"].to_string());
    Ok(indexes.chain(["all".to_owned()]).collect())
}

/// What `vmlog compare` takes: boots and runs.
fn windows(backend: &mut Backend) -> Result<BTreeSet<String>, Failure> {
    let boots = boots(backend)?.into_iter().filter(|boot| boot != "all");
    let mut found: BTreeSet<String> = boots.map(|boot| format!("boot:{boot}")).collect();
    let page = backend.runs(&Parameters::new())?;
    found.extend(page.rows.iter().map(|run| format!("run:{}", run.id)));
    Ok(found)
}

/// Terms of an expression: keys and, after `KEY:`, the values of that key. A word that starts with `-` excludes what it matches.
fn expressions(backend: &mut Backend, word: &str) -> Result<BTreeSet<String>, Failure> {
    let term = word.strip_prefix('-').unwrap_or(word);
    let found: BTreeSet<String> = match term.split_once(':') {
        None => {
            let of_records = ["level", "source"].map(str::to_owned);
            let keys = keys(backend)?.into_iter().chain(of_records);
            keys.map(|key| format!("{key}:")).collect()
        }
        Some(("source", _)) => {
            let sources = sources(backend, "")?.into_iter();
            let sources = sources.map(|name| match name.strip_suffix(':') {
                Some(kind) => format!("source:{kind}:*"),
                None => format!("source:{name}"),
            });
            sources.collect()
        }
        Some(("level", level)) => {
            let levels = levels(level).into_iter();
            levels.map(|level| format!("level:{level}")).collect()
        }
        Some((key, _)) => {
            let values = backend.values(key)?.into_iter();
            let plain = values.filter(|(value, _)| is_plain(value));
            plain.map(|(value, _)| format!("{key}:{value}")).collect()
        }
    };
    let sign = if term.len() < word.len() { "-" } else { "" };
    Ok(found.into_iter().map(|it| format!("{sign}{it}")).collect())
}

/// Whether neither a shell nor an expression needs quotes for this value.
fn is_plain(value: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._@+-".contains(&byte);
    !value.is_empty() && value.bytes().all(is_plain)
}

/// Units in the journal of this machine.
fn journal_units(word: &str) -> BTreeSet<String> {
    let mut journal = Journal::open(JournalOptions {
        directories: JOURNALS.map(PathBuf::from).to_vec(),
        ..JournalOptions::default()
    });
    let units = journal.unique(b"_SYSTEMD_UNIT", CANDIDATES_MAX).into_iter();
    units
        .filter_map(|unit| String::from_utf8(unit).ok())
        .filter(|unit| unit.starts_with(word))
        .collect()
}
