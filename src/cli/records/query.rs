//! `vmlog query`: records of a store or a server, the newest that match a filter.

use super::chart;
use super::tail;
use crate::cli::endpoint::{self, Backend, FollowStart, PAGE_ROWS};
use crate::cli::failure::Failure;
use crate::cli::parameters::{self, Parameters, add, flag, given, long, option, switch};
use crate::cli::show::{self, Printer};
use crate::cli::terminal::output::StandardOutput;
use crate::query::Page;
use crate::record::StoredRecord;
use crate::time::Micros;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

/// Records that are held to be turned round: some 50 MB of usual ones.
const HELD_MAX: usize = 100_000;

/// The arguments of `vmlog query`.
pub(in crate::cli) fn command() -> Command {
    Command::new("query")
        .about("Show the newest matching records")
        .long_about(
            "Shows the newest matching records, oldest first. Reads the store of this \
             machine, another store folder (--store: a copy, a snapshot, or one that a server writes) or a server (--url); all \
             give the same answers. On a terminal, output goes through a pager and control characters are \
             escaped; a pipe gets messages unchanged.",
        )
        .after_help(EXAMPLES)
        .args(parameters::filter_arguments())
        .arg(parameters::case_argument())
        .args(page_arguments())
        .args(histogram_arguments())
        .args(show::arguments("pretty"))
        .arg(follow_argument())
        .arg(flag("no-pager", "Write to the terminal without a pager"))
        .args(endpoint::arguments())
}

const EXAMPLES: &str = "\
Examples:
  vmlog query -l warn -S -15m
  vmlog query 'connection refused' -s docker: -n 20
  vmlog query -e 'exit code [1-9]' -o jsonl | jq -r .message
  vmlog query --histogram -l error -S today
  vmlog query --around 48213 -n 40
  vmlog query --store /mnt/dead-vm/var/lib/vmlog/store -l error
  VMLOG_TOKEN=... vmlog query --url http://10.0.0.7:8687 -s cloud-init

Exit codes: 0 done, even if nothing matched; 1 failed; 2 usage error";

fn follow_argument() -> Arg {
    let others = [
        "around",
        "histogram",
        "reverse",
        "order",
        "direction",
        "cursor",
    ];
    switch(
        "follow",
        'f',
        "Keep following new records, like `vmlog tail`",
    )
    .conflicts_with_all(others)
}

fn page_arguments() -> [Arg; 8] {
    [
        option("limit", 'n', "N", "Maximum number of records, or `all` [default: 100]"),
        switch("reverse", 'r', "Newest first"),
        long("direction", "WHICH", "Which records when there are more than --limit: the newest (backward) or the oldest (forward)")
            .value_parser(PossibleValuesParser::new(["backward", "forward"])),
        long("order", "ORDER", "By arrival (id) or by time, over all sources")
            .value_parser(PossibleValuesParser::new(["id", "time"])),
        long("after", "ID", "Records after this ID")
            .value_parser(value_parser!(u64))
            .conflicts_with_all(["cursor", "around", "order"]),
        long("cursor", "CURSOR", "Continue after a page of the API").conflicts_with("around"),
        long("around", "ID", "This record and the ones before and after it")
            .value_parser(value_parser!(u64))
            .conflicts_with_all(["order", "direction"]),
        long("scope", "SCOPE", "Which records to show around it: those that match the filter, or all of its source")
            .value_parser(PossibleValuesParser::new(["filter", "source"]))
            .requires("around"),
    ]
}

fn histogram_arguments() -> [Arg; 3] {
    [
        flag("histogram", "Show the number of records over time as bars")
            .conflicts_with_all([
                "limit",
                "reverse",
                "direction",
                "order",
                "after",
                "cursor",
                "around",
            ])
            .action(ArgAction::SetTrue),
        long("buckets", "N", "Maximum number of bars [default: 24]")
            .value_parser(value_parser!(u16).range(1..=500))
            .requires("histogram"),
        long("by", "WHAT", "Count by level or by source")
            .value_parser(PossibleValuesParser::new(["level", "source"]))
            .requires("histogram"),
    ]
}

/// Shows what was asked for.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let now = Micros::now();
    let mut parameters = parameters::filter(matches, &show::zone(matches), now)?;
    if matches.get_flag("histogram") {
        add(
            &mut parameters,
            "buckets",
            Some(&matches.get_one::<u16>("buckets").unwrap_or(&24).to_string()),
        );
        add(&mut parameters, "by", given(matches, "by"));
        return chart::run(&mut Backend::open(matches)?, &parameters, matches);
    }
    let limit = limit(matches)?;
    if matches.get_flag("follow") {
        let begin = match matches.get_one::<u64>("after") {
            Some(after) => FollowStart::After(crate::record::Id(*after)),
            None => FollowStart::Newest(limit),
        };
        return tail::follow(&mut Backend::open(matches)?, &parameters, begin, matches);
    }
    let request = PageQuery::read(matches, parameters, limit)?;
    parameters::check_page(&request.parameters, now)?;
    let mut endpoint = Backend::open(matches)?;
    let mut output = if matches.get_flag("no-pager") {
        StandardOutput::new()
    } else {
        StandardOutput::paged()
    };
    let mut printer = Printer::new(matches, output.is_terminal());
    printer.begin(&mut output);
    let told = request.show(&mut endpoint, &mut printer, &mut output);
    printer.end(&mut output);
    output.finish()?;
    told?.tell();
    Ok(())
}

/// `--limit`: 100, or all there are.
fn limit(matches: &ArgMatches) -> Result<usize, Failure> {
    match given(matches, "limit") {
        None => Ok(100),
        Some("all") => Ok(usize::MAX),
        Some(text) => match text.parse() {
            Ok(limit) if limit > 0 => Ok(limit),
            _ => Err(Failure::usage(format!(
                "--limit: expected a number from 1 on, or all, got {text:?}"
            ))),
        },
    }
}

/// Which pages are asked for, and in which order they are shown.
struct PageQuery {
    parameters: Parameters,
    limit: usize,
    is_forward: bool,
    is_reversed: bool,
    is_around: bool,
}

impl PageQuery {
    fn read(
        matches: &ArgMatches,
        mut parameters: Parameters,
        limit: usize,
    ) -> Result<Self, Failure> {
        let is_reversed = matches.get_flag("reverse");
        let around = matches.get_one::<u64>("around");
        let after = matches.get_one::<u64>("after");
        let cursor = after.map(|id| crate::query::Cursor::Id(crate::record::Id(*id)).to_string());
        let is_forward = match given(matches, "direction") {
            Some(direction) => direction == "forward",
            // all of them are the same from both ends; one end needs nothing held
            None => after.is_some() || (around.is_some() || limit == usize::MAX) && !is_reversed,
        };
        if is_forward == is_reversed && limit > HELD_MAX && around.is_none() {
            return Err(Failure::usage(format!(
                "--limit: more than {HELD_MAX} records are shown in the direction in which they are read: all, --reverse or \
                 --direction forward"
            )));
        }
        add(
            &mut parameters,
            "direction",
            Some(if is_forward { "forward" } else { "backward" }),
        );
        for name in ["order", "cursor", "scope"] {
            add(&mut parameters, name, given(matches, name));
        }
        add(&mut parameters, "cursor", cursor.as_deref());
        add(
            &mut parameters,
            "around",
            around.map(u64::to_string).as_deref(),
        );
        Ok(Self {
            parameters,
            limit,
            is_forward,
            is_reversed,
            is_around: around.is_some(),
        })
    }

    /// Shows page after page, or holds them all to turn them round.
    fn show(
        &self,
        endpoint: &mut Backend,
        printer: &mut Printer,
        output: &mut StandardOutput,
    ) -> Result<Omissions, Failure> {
        let mut told = Omissions::default();
        let mut parameters = self.parameters.clone();
        let (mut left, mut held) = (self.limit, vec![]);
        let is_held = self.is_forward == self.is_reversed;
        while left > 0 {
            let mut asked = parameters.clone();
            add(&mut asked, "limit", Some(&left.min(PAGE_ROWS).to_string()));
            let page = endpoint.page(&asked)?;
            told.take(&page);
            left = left.saturating_sub(page.entries.len());
            let next = page.next_cursor.filter(|_| !self.is_around);
            if is_held {
                held.extend(page.entries);
            } else if !print(printer, output, &page.entries)? {
                return Ok(told);
            }
            let Some(next) = next else {
                break;
            };
            parameters.retain(|(name, _)| name != "cursor");
            add(&mut parameters, "cursor", Some(&next.to_string()));
        }
        held.reverse();
        print(printer, output, &held)?;
        Ok(told)
    }
}

fn print(
    printer: &mut Printer,
    output: &mut StandardOutput,
    records: &[StoredRecord],
) -> Result<bool, Failure> {
    for record in records {
        if !printer.print(output, record)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a reader should know of what was not shown.
#[derive(Debug, Default)]
struct Omissions {
    unreadable: u64,
    is_truncated: bool,
    warnings: Vec<String>,
}

impl Omissions {
    fn take(&mut self, page: &Page) {
        self.unreadable += page.unreadable;
        self.is_truncated |= page.truncated;
        self.warnings.extend_from_slice(&page.warnings);
    }

    fn tell(&self) {
        for warning in &self.warnings {
            eprintln!("vmlog: {warning}");
        }
        if self.is_truncated {
            eprintln!("vmlog: records behind the one that was named are pruned and not shown");
        }
        if self.unreadable > 0 {
            let count = self.unreadable;
            eprintln!(
                "vmlog: {count} records are in damaged blocks and were not looked at; `vmlog verify` names them"
            );
        }
    }
}
