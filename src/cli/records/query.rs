//! `vmlog query`: the newest matching records of a store or a server.

use super::{boot, chart, tail};
use crate::cli::endpoint::{self, Backend, FollowStart, PAGE_ROWS};
use crate::cli::failure::Failure;
use crate::cli::parameters::{self, Parameters, add, flag, given, long, option, switch};
use crate::cli::show::{self, Printer};
use crate::cli::terminal::output::StandardOutput;
use crate::query::Page;
use crate::record::{Id, StoredRecord};
use crate::time::Micros;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

/// Maximum number of records held in memory to reverse their order: about 50 MB of typical ones.
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
        .args(page_arguments())
        .args(histogram_arguments())
        .args(show::arguments("pretty"))
        .arg(follow_argument())
        .args(pager_arguments())
        .args(endpoint::arguments())
}

const EXAMPLES: &str = "\
Examples:
  vmlog query -l warn -S -15m
  vmlog query 'connection refused' -s docker: -n 20
  vmlog query -u nginx -p err -b
  vmlog query -g 'exit code [1-9]' -o jsonl | jq -r .message
  vmlog query --histogram -l error -S today
  vmlog query --around 48213 -n 40
  vmlog query --store /mnt/dead-vm/var/lib/vmlog/store -l error
  VMLOG_TOKEN=... vmlog query --url http://10.0.0.7:8687 -s cloud-init

Exit codes: 0 done, even if nothing matched; 1 failed, or --quiet found nothing; 2 usage error";

fn pager_arguments() -> [Arg; 3] {
    [
        flag("no-pager", "Write to the terminal without a pager"),
        switch("pager-end", 'e', "Show the end in the pager first"),
        switch(
            "quiet",
            'q',
            "Print nothing; the exit code says whether a record matches",
        )
        .conflicts_with_all(["follow", "histogram", "around"]),
    ]
}

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
        option("limit", 'n', "N", "The last N records, +N the first N, or `all` [default: 100]").visible_alias("lines"),
        switch("reverse", 'r', "Newest first"),
        long("direction", "WHICH", "Which records to show if there are more than --limit: the newest (backward) or the oldest (forward)")
            .value_parser(PossibleValuesParser::new(["backward", "forward"])),
        long("order", "ORDER", "Order by arrival (id) or by time, over all sources")
            .value_parser(PossibleValuesParser::new(["id", "time"])),
        long("after", "ID", "Records after this ID")
            .value_parser(value_parser!(u64))
            .conflicts_with_all(["cursor", "around", "order"]),
        long("cursor", "CURSOR", "Continue from the cursor of a page of the API").conflicts_with("around"),
        long("around", "ID", "Show this record and the ones before and after it")
            .value_parser(value_parser!(u64))
            .conflicts_with_all(["order", "direction"]),
        long("scope", "SCOPE", "Which records to show around it: matching ones, or all of its source")
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

/// Shows the records, and returns the exit code.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let now = Micros::now();
    let filter = parameters::filter(matches, &show::zone(matches), now)?;
    if matches.get_flag("histogram") {
        return histogram(filter, matches).map(|()| 0);
    }
    let (limit, is_first) = limit(matches)?;
    if matches.get_flag("follow") {
        return follow(filter, limit, matches).map(|()| 0);
    }
    let mut query = PageQuery::read(matches, filter, limit, is_first)?;
    parameters::check_page(&query.parameters, now)?;
    let mut backend = Backend::open(matches)?;
    boot::narrow(
        &mut backend,
        &mut query.parameters,
        parameters::boot(matches),
    )?;
    if matches.get_flag("quiet") {
        let has_match = query.has_match(&mut backend)?;
        return Ok(u8::from(!has_match));
    }
    let mut output = output(matches);
    let mut printer = Printer::new(matches, &query.parameters, output.is_terminal());
    printer.begin(&mut output);
    let shown = query.show(&mut backend, &mut printer, &mut output);
    printer.end(&mut output);
    let is_empty = printer.records() == 0 && output.is_terminal();
    output.finish()?;
    let omissions = shown?;
    if is_empty && omissions.warnings.is_empty() {
        notice!("no record matches");
    }
    omissions.report();
    Ok(0)
}

fn output(matches: &ArgMatches) -> StandardOutput {
    if matches.get_flag("no-pager") {
        StandardOutput::new()
    } else if matches.get_flag("pager-end") {
        StandardOutput::paged_at_end()
    } else {
        StandardOutput::paged()
    }
}

fn histogram(mut filter: Parameters, matches: &ArgMatches) -> Result<(), Failure> {
    let buckets = matches.get_one::<u16>("buckets").unwrap_or(&24);
    add(&mut filter, "buckets", Some(&buckets.to_string()));
    add(&mut filter, "by", given(matches, "by"));
    let mut backend = Backend::open(matches)?;
    boot::narrow(&mut backend, &mut filter, parameters::boot(matches))?;
    chart::run(&mut backend, &filter, matches)
}

fn follow(mut filter: Parameters, limit: usize, matches: &ArgMatches) -> Result<(), Failure> {
    let start = match matches.get_one::<u64>("after") {
        Some(after) => FollowStart::After(Id(*after)),
        None => FollowStart::Newest(limit),
    };
    let mut backend = Backend::open(matches)?;
    boot::narrow(&mut backend, &mut filter, parameters::boot(matches))?;
    tail::follow(&mut backend, &filter, start, matches)
}

/// `--limit`: the number of records, and whether they are the first ones.
fn limit(matches: &ArgMatches) -> Result<(usize, bool), Failure> {
    let Some(text) = given(matches, "limit") else {
        return Ok((100, false));
    };
    if text == "all" {
        return Ok((usize::MAX, false));
    }
    let (number, is_first) = match text.strip_prefix('+') {
        Some(number) => (number, true),
        None => (text, false),
    };
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    match number.parse() {
        Ok(limit) if limit > 0 && is_number => Ok((limit, is_first)),
        _ => Err(Failure::usage(format!(
            "--lines: expected a number from 1 on, +NUMBER or all, found {text:?}"
        ))),
    }
}

/// The pages to request, and the order of display.
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
        is_first: bool,
    ) -> Result<Self, Failure> {
        let is_reversed = matches.get_flag("reverse");
        let around = matches.get_one::<u64>("around");
        let after = matches.get_one::<u64>("after");
        let cursor = after.map(|id| crate::query::Cursor::Id(Id(*id)).to_string());
        let is_forward = match given(matches, "direction") {
            Some(direction) => direction == "forward",
            None if is_first => true,
            // All records are the same from both ends; from one end none have to be held.
            None => after.is_some() || (around.is_some() || limit == usize::MAX) && !is_reversed,
        };
        if is_forward == is_reversed && limit > HELD_MAX && around.is_none() {
            return Err(Failure::usage(format!(
                "--lines: more than {HELD_MAX} records can only be shown in reading order: use all, +N or --reverse"
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

    /// Whether any record matches.
    fn has_match(&self, backend: &mut Backend) -> Result<bool, Failure> {
        let mut parameters = self.parameters.clone();
        add(&mut parameters, "limit", Some("1"));
        Ok(!backend.page(&parameters)?.entries.is_empty())
    }

    /// Shows page after page, or holds all records to reverse them.
    fn show(
        &self,
        endpoint: &mut Backend,
        printer: &mut Printer,
        output: &mut StandardOutput,
    ) -> Result<Omissions, Failure> {
        let mut omissions = Omissions::default();
        let mut parameters = self.parameters.clone();
        let (mut left, mut held) = (self.limit, vec![]);
        let is_held = self.is_forward == self.is_reversed;
        while left > 0 {
            let mut asked = parameters.clone();
            add(&mut asked, "limit", Some(&left.min(PAGE_ROWS).to_string()));
            let page = endpoint.page(&asked)?;
            omissions.take(&page);
            left = left.saturating_sub(page.entries.len());
            let next = page.next_cursor.filter(|_| !self.is_around);
            if is_held {
                held.extend(page.entries);
            } else if !print(printer, output, &page.entries)? {
                return Ok(omissions);
            }
            let Some(next) = next else {
                break;
            };
            parameters.retain(|(name, _)| name != "cursor");
            add(&mut parameters, "cursor", Some(&next.to_string()));
        }
        held.reverse();
        print(printer, output, &held)?;
        Ok(omissions)
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

/// Records that were not shown, and why.
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

    fn report(&self) {
        for warning in &self.warnings {
            notice!("{warning}");
        }
        if self.is_truncated {
            notice!("some records of this range were deleted or left out and are not shown");
        }
        if self.unreadable > 0 {
            let count = self.unreadable;
            notice!("{count} records are in damaged blocks and were not read; run `vmlog verify`");
        }
    }
}
