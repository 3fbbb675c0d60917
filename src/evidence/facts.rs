//! Facts about the machine: files of the kernel and of the system, and the output of commands, each bounded in bytes and time, all
//! through the redactor.

use super::command::{self, EndOfOutput};
use crate::record::{Level, Metadata, Record, Source};
use crate::redact::Redactor;
use crate::time::Micros;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// The maximum size of one fact. The kernel log is the longest: a ring of 256 KiB to 1 MiB.
const FACT_BYTES_MAX: usize = 1 << 20;
/// The time of one command. A healthy service manager answers in a tenth of this; all commands run at the same time.
const COMMAND_MAX: Duration = Duration::from_secs(5);

/// Where facts are found; a test has places of its own.
#[derive(Debug, Clone)]
pub struct FactPlaces {
    /// The root of the file system.
    pub root: PathBuf,
    /// The folders of commands, separated by colons.
    pub path: OsString,
}

impl Default for FactPlaces {
    /// This machine. The path is fixed, so that a bundle does not depend on the environment.
    fn default() -> Self {
        Self {
            root: PathBuf::from("/"),
            path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
        }
    }
}

/// A fact: its name in the archive, and where it is from.
type FactSpec = (&'static str, FactSource);

#[derive(Debug, Clone, Copy)]
enum FactSource {
    /// The first of these files that is there, below the root.
    File(&'static [&'static str]),
    /// Several files, each below a line with its name.
    Files(&'static [&'static str]),
    /// The output of a command.
    Command(&'static [&'static str]),
}

use FactSource::{Command, File as OneFile, Files};

const KERNEL_LOG: &str = "system/kernel-log.txt";

/// Every fact. The list in `format-spec/evidence.md` is the same.
const FACTS: &[FactSpec] = &[
    (
        "system/os-release.txt",
        OneFile(&["etc/os-release", "usr/lib/os-release"]),
    ),
    (
        "system/kernel.txt",
        Files(&["proc/version", "proc/cmdline"]),
    ),
    ("system/uptime.txt", Files(&["proc/uptime", "proc/loadavg"])),
    ("system/memory.txt", Files(&["proc/meminfo", "proc/swaps"])),
    (
        "system/pressure.txt",
        Files(&[
            "proc/pressure/cpu",
            "proc/pressure/io",
            "proc/pressure/memory",
        ]),
    ),
    ("system/mounts.txt", OneFile(&["proc/self/mounts"])),
    ("system/disk.txt", Command(&["df", "-kP"])),
    ("system/inodes.txt", Command(&["df", "-iP"])),
    ("system/clock.txt", Command(&["timedatectl", "show"])),
    (
        "system/processes.txt",
        Command(&["ps", "-eo", "pid,ppid,user,stat,rss,etime,comm"]),
    ),
    (KERNEL_LOG, Command(&["dmesg"])),
    (
        "units/failed.txt",
        Command(&[
            "systemctl",
            "list-units",
            "--failed",
            "--plain",
            "--full",
            "--no-legend",
            "--no-pager",
        ]),
    ),
    (
        "units/state.txt",
        Command(&[
            "systemctl",
            "show",
            "--property=SystemState,NFailedUnits,NJobs,Version,Tainted",
        ]),
    ),
    (
        "units/jobs.txt",
        Command(&[
            "systemctl",
            "list-jobs",
            "--full",
            "--no-legend",
            "--no-pager",
        ]),
    ),
    (
        "containers/docker.json",
        Command(&["docker", "ps", "--all", "--no-trunc", "--format", "json"]),
    ),
    (
        "containers/podman.json",
        Command(&["podman", "ps", "--all", "--no-trunc", "--format", "json"]),
    ),
    ("network/addresses.txt", Command(&["ip", "address"])),
    (
        "network/routes.txt",
        Files(&["proc/net/route", "proc/net/ipv6_route"]),
    ),
    (
        "network/counters.txt",
        Files(&["proc/net/dev", "proc/net/sockstat"]),
    ),
    (
        "network/names.txt",
        Files(&["etc/resolv.conf", "etc/hosts"]),
    ),
    ("network/listening.txt", Command(&["ss", "-Hltun"])),
];

/// A fact as it was found.
pub(super) struct MachineFact {
    /// Its name in the archive.
    pub(super) path: &'static str,
    /// Its text, redacted, or why there is none.
    pub(super) text: Result<Vec<u8>, String>,
    /// What is missing at its beginning.
    pub(super) gap: Option<String>,
}

/// Collects all facts at the same time, until the deadline.
pub(super) fn collect(
    places: &FactPlaces,
    redactor: &Redactor,
    deadline: Instant,
) -> Vec<MachineFact> {
    let until = deadline.min(Instant::now() + COMMAND_MAX);
    thread::scope(|scope| {
        let found: Vec<_> = FACTS
            .iter()
            .map(|(path, source)| {
                let find = move || find(path, *source, places, redactor, until);
                let thread = thread::Builder::new().name("fact".to_owned());
                (*path, thread.spawn_scoped(scope, find))
            })
            .collect();
        let join = |(path, thread): (
            &'static str,
            io::Result<thread::ScopedJoinHandle<'_, MachineFact>>,
        )| {
            let failed = |why: String| MachineFact {
                path,
                text: Err(why),
                gap: None,
            };
            match thread.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(fact)) => fact,
                Ok(Err(_)) => failed("it could not be read: a mistake in vmlog".to_owned()),
                Err(error) => failed(format!("cannot start a thread: {error}")),
            }
        };
        found.into_iter().map(join).collect()
    })
}

fn find(
    path: &'static str,
    source: FactSource,
    places: &FactPlaces,
    redactor: &Redactor,
    deadline: Instant,
) -> MachineFact {
    let found = match source {
        OneFile(names) => first_of(places, names),
        Files(names) => Ok(each_of(places, names)),
        Command(words) => run(places, words, deadline),
    };
    let gap = match &found {
        Ok(found) if found.left_out > 0 => {
            Some(format!("the first {} bytes are left out", found.left_out))
        }
        _ => None,
    };
    let redacted = |found: EndOfOutput| redacted(path, &found.into_bytes(), redactor.clone());
    MachineFact {
        path,
        text: found.map(redacted).map_err(|why| explained(path, why)),
        gap,
    }
}

/// The reason with what is there instead. The packaged service may not read the ring of the kernel.
fn explained(path: &str, why: String) -> String {
    if path == KERNEL_LOG {
        return format!(
            "{why}; what the journal has of the kernel is in the records, source system:kernel"
        );
    }
    why
}

fn run(places: &FactPlaces, words: &[&str], deadline: Instant) -> Result<EndOfOutput, String> {
    let (program, arguments) = words.split_first().ok_or("there is no command")?;
    let found = command::find(program, &places.path);
    let found = found.ok_or_else(|| format!("{program} is not installed"))?;
    command::output_of(&found, arguments, deadline, FACT_BYTES_MAX)
}

fn first_of(places: &FactPlaces, names: &[&str]) -> Result<EndOfOutput, String> {
    let mut why = String::new();
    for name in names {
        let mut found = EndOfOutput::default();
        match read(places, name, &mut found) {
            Ok(()) => return Ok(found),
            Err(error) => why = format!("/{name}: {error}"),
        }
    }
    Err(why)
}

/// Kernels differ in the files that they have, so one that is missing is named in the text.
fn each_of(places: &FactPlaces, names: &[&str]) -> EndOfOutput {
    let mut found = EndOfOutput::default();
    for name in names {
        found.push(format!("==> /{name}\n").as_bytes(), FACT_BYTES_MAX);
        if let Err(error) = read(places, name, &mut found) {
            found.push(format!("{error}\n").as_bytes(), FACT_BYTES_MAX);
        }
    }
    found
}

fn read(places: &FactPlaces, name: &str, into: &mut EndOfOutput) -> io::Result<()> {
    let mut text = Vec::new();
    let file = File::open(places.root.join(name))?;
    file.take(FACT_BYTES_MAX as u64).read_to_end(&mut text)?;
    into.push(&text, FACT_BYTES_MAX);
    Ok(())
}

/// Redacts each line. The lines count as records of one source, so that a key over several lines is recognised.
fn redacted(path: &str, text: &[u8], mut redactor: Redactor) -> Vec<u8> {
    let source = Source::new("evidence", path);
    let mut out = String::with_capacity(text.len());
    for line in String::from_utf8_lossy(text).lines() {
        let record = Record {
            timestamp: Micros::default(),
            source: source.clone(),
            level: Level::Info,
            message: line.to_owned(),
            metadata: Metadata::new(),
        };
        out.push_str(&redactor.redact(record).into_record().message);
        out.push('\n');
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::RedactOptions;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    fn script(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn facts_are_redacted_and_what_is_missing_has_a_reason() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["etc", "proc", "bin"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("etc/os-release"), "ID=debian\n").unwrap();
        fs::write(
            root.path().join("proc/cmdline"),
            "quiet password=hunter2hunter2\n",
        )
        .unwrap();
        let bin = root.path().join("bin");
        script(
            &bin,
            "systemctl",
            "echo \"$1\"; test \"$1\" = show && exit 1 || true",
        );
        script(&bin, "dmesg", "exec sleep 60");
        let places = FactPlaces {
            root: root.path().to_owned(),
            path: format!("{}:/bin:/usr/bin", bin.display()).into(),
        };
        let redactor = Redactor::new(&RedactOptions::default()).unwrap();
        let deadline = Instant::now() + Duration::from_millis(1_500);
        let found = collect(&places, &redactor, deadline);
        let fact = |name: &str| {
            let fact = found.iter().find(|fact| fact.path == name).unwrap();
            fact.text
                .as_ref()
                .map(|text| String::from_utf8(text.clone()).unwrap())
        };
        assert_eq!(fact("system/os-release.txt").unwrap(), "ID=debian\n");
        let kernel = fact("system/kernel.txt").unwrap();
        assert!(
            kernel.starts_with("==> /proc/version\nNo such file"),
            "{kernel}"
        );
        assert!(kernel.contains("==> /proc/cmdline\nquiet ") && !kernel.contains("hunter2"));
        assert_eq!(fact("units/failed.txt").unwrap(), "list-units\n");
        assert_eq!(fact("units/state.txt").unwrap_err(), "exit status: 1");
        assert_eq!(
            fact("system/kernel-log.txt").unwrap_err(),
            "it did not end in time; what the journal has of the kernel is in the records, source system:kernel"
        );
        let mounts = fact("system/mounts.txt").unwrap_err();
        assert!(
            mounts.starts_with("/proc/self/mounts: No such file"),
            "{mounts}"
        );
        assert!(fact("containers/podman.json").is_err());
        assert_eq!(found.len(), FACTS.len());
    }

    #[test]
    fn the_specification_lists_every_fact() {
        let spec = include_str!("../../format-spec/evidence.md");
        let rows = spec.lines().filter_map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let (name, source) = (cells.next()?, cells.next()?);
            let name = name.strip_prefix('`')?.strip_suffix('`')?;
            let is_fact = ["system/", "units/", "containers/", "network/"]
                .iter()
                .any(|start| name.starts_with(start));
            is_fact.then(|| (name.to_owned(), source.replace('`', "")))
        });
        let listed: Vec<_> = rows.collect();
        let known = FACTS.iter().map(|(name, source)| {
            let files = |names: &[&str]| {
                names
                    .iter()
                    .map(|name| format!("/{name}"))
                    .collect::<Vec<_>>()
            };
            let source = match source {
                OneFile(names) => files(names).join(" or "),
                Files(names) => files(names).join(", "),
                Command(words) => words.join(" "),
            };
            ((*name).to_owned(), source)
        });
        assert_eq!(listed, known.collect::<Vec<_>>());
    }
}
