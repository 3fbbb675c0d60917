//! Checks of the sources: journal, containers, cloud-init, files.

use super::own::exists;
use super::report::CheckResult;
use crate::cli::files::read_text;
use crate::cli::terminal::text::counted;
use crate::collect::{
    CloudInitCollector, CloudInitOptions, ContainerCollector, ContainerOptions, PodCollector,
    PodOptions,
};
use crate::collect::{
    FileCollector, FileOptions, SandboxCollector, SandboxOptions, Survey, is_wild,
};
use crate::config::Config;
use crate::disk::{Disk, RealDisk};
use crate::journal::{Journal, JournalOptions};
use crate::pipeline::error_chain;
use crate::time::Micros;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// The folder of a journal that is lost at a reboot.
const VOLATILE: &str = "/run/log/journal";
/// Docker's own settings.
const DOCKER_SETTINGS: &str = "/etc/docker/daemon.json";
const DOCKER_SOCKET: &str = "/var/run/docker.sock";
/// Real settings are far smaller.
const DOCKER_SETTINGS_BYTES_MAX: u64 = 1 << 20;

pub(super) fn look(config: &Config) -> Vec<CheckResult> {
    let mut findings = journal(config);
    findings.push(docker(&config.docker_json, Path::new(DOCKER_SETTINGS)));
    findings.extend(engine("nerdctl", &config.nerdctl));
    findings.extend(engine("podman", &config.podman));
    findings.extend(pods(&config.pods));
    findings.push(cloud_init(&config.cloud_init));
    findings.extend(config.sandboxes.as_ref().map(sandboxes));
    findings.extend(config.files.iter().map(files));
    findings
}

fn journal(config: &Config) -> Vec<CheckResult> {
    let directories = &config.journal.directories;
    let listed = listed(directories);
    if directories.iter().all(|directory| !exists(directory)) {
        let text = format!("no journal in {listed}");
        let remedy = "without systemd there is none: set LOG_FILES to the logs; otherwise set LOG_JOURNAL_DIRS";
        return vec![CheckResult::note("journal", text).with_remedy(remedy)];
    }
    let mut findings: Vec<CheckResult> = refused_folders(directories);
    let mut journal = Journal::open(JournalOptions {
        directories: directories.clone(),
        namespaces: config.journal.namespaces.clone(),
        ..JournalOptions::default()
    });
    let (mut read, mut refused) = (vec![], vec![]);
    for file in journal.files() {
        match file.error {
            None => read.push(file.path.to_owned()),
            Some(error) => refused.push(format!("{}: {}", file.path.display(), error_chain(error))),
        }
    }
    if let Some(first) = refused.first() {
        let text = format!(
            "{} of {} files cannot be read: {first}",
            refused.len(),
            refused.len() + read.len()
        );
        findings.push(CheckResult::wrong("journal", text, journal_remedy(first)));
    }
    if read.is_empty() && findings.is_empty() {
        let text = format!("no journal files in {listed}");
        findings.push(
            CheckResult::note("journal", text)
                .with_remedy("check whether it runs: systemctl status systemd-journald"),
        );
    }
    if !read.is_empty() {
        findings.push(readable_journal(&mut journal, &read));
    }
    findings
}

fn readable_journal(journal: &mut Journal, read: &[PathBuf]) -> CheckResult {
    let figures = journal.figures();
    let newest = figures
        .iter()
        .map(|figures| figures.tail_entry_realtime)
        .max()
        .unwrap_or(0);
    let entries: u64 = figures.iter().map(|figures| figures.n_entries).sum();
    let newest = Micros::from_unsigned(newest);
    let text = format!(
        "{} with {} can be read, the newest from {newest}",
        counted(read.len(), "file"),
        counted(entries, "entry")
    );
    if read.iter().all(|path| path.starts_with(VOLATILE)) {
        let text = format!("{text}; journald keeps them in memory, and they are lost at a reboot");
        return CheckResult::note("journal", text)
            .with_remedy("mkdir -p /var/log/journal && systemctl restart systemd-journald");
    }
    CheckResult::good("journal", text)
}

/// Folders of the journal that cannot be listed.
fn refused_folders(directories: &[PathBuf]) -> Vec<CheckResult> {
    let below = |directory: &PathBuf| {
        let names = RealDisk.list(directory).unwrap_or_default();
        let mut folders: Vec<PathBuf> =
            names.into_iter().map(|name| directory.join(name)).collect();
        folders.push(directory.clone());
        folders
    };
    let refused = |path: PathBuf| match RealDisk.list(&path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let text = format!("{}: {error}", path.display());
            let remedy = journal_remedy(&text);
            Some(CheckResult::wrong("journal", text, remedy))
        }
        _ => None,
    };
    directories
        .iter()
        .flat_map(below)
        .filter_map(refused)
        .collect()
}

fn journal_remedy(problem: &str) -> &'static str {
    if problem.to_lowercase().contains("permission denied") {
        "run as root, or join its group: usermod -aG systemd-journal USER, then log in again"
    } else {
        "`vmlog journal --verify -D DIR` reports the damage; readable entries are still read"
    }
}

fn listed(directories: &[PathBuf]) -> String {
    let shown: Vec<String> = directories
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    shown.join(", ")
}

/// Containers that log through journald are in the journal; json-file logs are read from Docker's folder; other
/// drivers cannot be read.
fn docker(options: &ContainerOptions, settings: &Path) -> CheckResult {
    let directory = &options.directory;
    if !exists(directory) && !exists(Path::new(DOCKER_SOCKET)) && !exists(settings) {
        return CheckResult::note("docker", "Docker is not installed");
    }
    let driver = driver(settings);
    match driver.as_deref() {
        Ok("journald") => CheckResult::good(
            "docker",
            "the log driver is journald: containers are read from the journal",
        ),
        Ok("json-file") => json_files(options),
        Ok(other) => CheckResult::wrong(
            "docker",
            format!("the log driver is {other}, whose logs only Docker can read"),
            format!(
                "set \"log-driver\": \"journald\" in {}, restart Docker, and recreate the containers",
                settings.display()
            ),
        ),
        Err(error) => CheckResult::wrong(
            "docker",
            format!("{}: {error}", settings.display()),
            "run as root, or correct the file, which Docker reads too",
        ),
    }
}

/// The log driver that containers get by default.
fn driver(settings: &Path) -> Result<String, Error> {
    let text = match read_text(settings, DOCKER_SETTINGS_BYTES_MAX) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok("json-file".to_owned()),
        text => text?,
    };
    let settings: serde_json::Value = serde_json::from_str(&text)?;
    let named = settings
        .get("log-driver")
        .and_then(serde_json::Value::as_str);
    Ok(named.unwrap_or("json-file").to_owned())
}

fn json_files(options: &ContainerOptions) -> CheckResult {
    let shown = options.directory.display();
    let survey = ContainerCollector::survey(options.clone());
    if let Some(text) = refused(&survey, "containers") {
        return CheckResult::wrong(
            "docker",
            format!("the log driver is json-file, and {text}"),
            format!("run as root, or set \"log-driver\": \"journald\" in {DOCKER_SETTINGS}"),
        );
    }
    if !exists(&options.directory) {
        let text = format!("the log driver is json-file; {shown} does not exist yet");
        return CheckResult::note("docker", text);
    }
    let text = format!(
        "the log driver is json-file: {} in {shown} can be read",
        counted(survey.found, "container")
    );
    followed("docker", text, &survey)
}

/// An engine other than Docker; `None` if it is not installed.
fn engine(subject: &'static str, options: &ContainerOptions) -> Option<CheckResult> {
    let survey = ContainerCollector::survey(options.clone());
    let shown = options.directory.display();
    if let Some(text) = refused(&survey, "containers") {
        return Some(CheckResult::wrong(subject, text, "run as root"));
    }
    if survey.found == 0 {
        return None;
    }
    let text = format!(
        "{} in {shown} can be read",
        counted(survey.found, "container")
    );
    Some(followed(subject, text, &survey))
}

/// Logs of Kubernetes pods; `None` if there are none.
fn pods(options: &PodOptions) -> Option<CheckResult> {
    let survey = PodCollector::survey(options.clone());
    let shown = options.directory.display();
    if let Some(text) = refused(&survey, "logs") {
        let remedy = "run as root, or give the user that runs vmlog read access";
        return Some(CheckResult::wrong("pods", text, remedy));
    }
    if survey.found == 0 {
        return None;
    }
    let text = format!(
        "{} of pods in {shown} can be read",
        counted(survey.found, "log")
    );
    Some(followed("pods", text, &survey))
}

fn cloud_init(options: &CloudInitOptions) -> CheckResult {
    let shown = options.output.display();
    let survey = CloudInitCollector::survey(options.clone());
    if let Some(text) = refused(&survey, "logs") {
        let remedy = "run as root, or join its group: usermod -aG adm USER, then log in again";
        return CheckResult::wrong("cloud-init", text, remedy);
    }
    if survey.found == 0 {
        let text = format!("{shown} does not exist: cloud-init has not run here");
        return CheckResult::note("cloud-init", text);
    }
    CheckResult::good("cloud-init", format!("{shown} can be read"))
}

fn sandboxes(options: &SandboxOptions) -> CheckResult {
    let shown = options.directory.display();
    let survey = SandboxCollector::survey(options.clone());
    if let Some(text) = refused(&survey, "logs") {
        let remedy = "give the user that runs vmlog read access, or run as root";
        return CheckResult::wrong("sandbox", text, remedy);
    }
    let text = format!(
        "{} of sandboxes in {shown} can be read",
        counted(survey.found, "log")
    );
    match survey.found {
        0 => CheckResult::note("sandbox", format!("no logs of sandboxes in {shown} yet")),
        _ => followed("sandbox", text, &survey),
    }
}

fn files(options: &FileOptions) -> CheckResult {
    let (name, shown) = (&options.name, options.path.display());
    let survey = FileCollector::survey(options.clone());
    if let Some(text) = refused(&survey, "files") {
        return CheckResult::wrong(
            "file",
            format!("{name}: {text}"),
            "give the user that runs vmlog read access (setfacl -m u:USER:r FILE), or run as root",
        );
    }
    let is_folder = options.path.is_dir();
    let is_one = !is_folder && !is_wild(options.path.as_os_str().as_encoded_bytes());
    match survey.found {
        0 if is_one => CheckResult::note("file", format!("{name}: {shown} does not exist yet")),
        0 if is_folder => {
            CheckResult::note("file", format!("{name}: there are no files in {shown} yet"))
        }
        0 => CheckResult::note("file", format!("{name}: no file matches {shown} yet")),
        _ if is_one => CheckResult::good("file", format!("{name}: {shown} can be read")),
        count => {
            let files = counted(count, "file");
            let place = if is_folder { "in" } else { "named" };
            let text = format!("{name}: {files} {place} {shown} can be read");
            followed("file", text, &survey)
        }
    }
}

/// Which of the found logs cannot be read, and why.
fn refused(survey: &Survey, what: &str) -> Option<String> {
    let (path, error) = survey.refused.first()?;
    let text = format!("{}: {error}", path.display());
    let count = survey.refused.len();
    Some(match count {
        1 => text,
        _ => format!(
            "{count} of {} {what} cannot be read: {text}",
            survey.found.max(count)
        ),
    })
}

/// Whether all of the logs would be followed.
fn followed(subject: &'static str, text: String, survey: &Survey) -> CheckResult {
    if survey.left_out > 0 {
        let text = format!(
            "{text}; the {} most recently written ones are followed, {} are not",
            survey.found - survey.left_out,
            survey.left_out
        );
        return CheckResult::note(subject, text);
    }
    if survey.is_incomplete {
        let text = format!("{text}; there are more names than can be checked");
        return CheckResult::note(subject, text);
    }
    CheckResult::good(subject, text)
}
