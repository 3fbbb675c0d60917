//! Runs a command for its output, bounded in bytes and time.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const CHUNK_BYTES: usize = 16 << 10;
/// The part of the error output that a reason has.
const ERROR_BYTES_MAX: usize = 512;
/// How long a killed command is waited for. One that does not end then waits for a disk, and is left alone.
const KILLED_WAIT: Duration = Duration::from_millis(300);
const KILLED_POLL: Duration = Duration::from_millis(10);

/// The end of a text that grows; what was before it is counted.
#[derive(Debug, Default)]
pub(super) struct EndOfOutput {
    bytes: VecDeque<u8>,
    pub(super) left_out: u64,
}

impl EndOfOutput {
    pub(super) fn push(&mut self, chunk: &[u8], bytes_max: usize) {
        self.bytes.extend(chunk);
        let too_many = self.bytes.len().saturating_sub(bytes_max);
        self.bytes.drain(..too_many);
        self.left_out += too_many as u64;
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes.into()
    }
}

/// The program in the folders of `path`, separated by colons.
pub(super) fn find(program: &str, path: &OsStr) -> Option<PathBuf> {
    let folders = path.as_encoded_bytes().split(|byte| *byte == b':');
    let mut folders = folders.filter_map(|folder| std::str::from_utf8(folder).ok());
    folders.find_map(|folder| {
        let path = Path::new(folder).join(program);
        path.is_file().then_some(path)
    })
}

/// Runs a program to its end and returns the end of its output. An error is a text for the manifest.
pub(super) fn output_of(
    program: &Path,
    arguments: &[&str],
    deadline: Instant,
    bytes_max: usize,
) -> Result<EndOfOutput, String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("LC_ALL", "C")
        .env("SYSTEMD_COLORS", "0")
        .env("SYSTEMD_PAGER", "")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let streams = child.stdout.take().zip(child.stderr.take());
    let mut collected = [EndOfOutput::default(), EndOfOutput::default()];
    let streams = streams.map(|(out, err)| [OwnedFd::from(out), OwnedFd::from(err)]);
    let is_over = match streams {
        Some(streams) => drain(streams, &mut collected, deadline, bytes_max),
        None => Ok(true),
    };
    let status = match is_over {
        Ok(true) => wait(&mut child, deadline),
        Ok(false) => Ok(None),
        Err(error) => Err(error),
    };
    let [out, err] = collected;
    match status {
        Ok(Some(status)) if status.success() => Ok(out),
        Ok(Some(status)) => {
            let said = String::from_utf8_lossy(&err.into_bytes()).trim().to_owned();
            let why = said.lines().next_back().unwrap_or_default();
            Err(format!("{status}: {why}")
                .trim_end_matches([':', ' '])
                .to_owned())
        }
        Ok(None) => {
            kill(&mut child);
            Err("it did not end in time".to_owned())
        }
        Err(error) => {
            kill(&mut child);
            Err(error.to_string())
        }
    }
}

/// Reads both streams until they end, which is `true`, or until the deadline.
fn drain(
    streams: [OwnedFd; 2],
    collected: &mut [EndOfOutput; 2],
    deadline: Instant,
    bytes_max: usize,
) -> io::Result<bool> {
    let mut open = streams.map(Some);
    let mut buffer = vec![0; CHUNK_BYTES];
    while open.iter().any(Option::is_some) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let timeout = Timespec::try_from(left).ok();
        let waited = open.iter().flatten();
        let mut waited: Vec<_> = waited
            .map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN))
            .collect();
        match poll(&mut waited, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ready = waited
            .iter()
            .map(|fd| !fd.revents().is_empty())
            .collect::<VecDeque<_>>();
        drop(waited);
        let bounds = [bytes_max, ERROR_BYTES_MAX];
        for ((stream, tail), bytes_max) in open.iter_mut().zip(collected.iter_mut()).zip(bounds) {
            let Some(fd) = stream else { continue };
            if ready.pop_front() != Some(true) {
                continue;
            }
            match read(&*fd, &mut buffer) {
                Ok(0) => *stream = None,
                Ok(length) => tail.push(buffer.get(..length).unwrap_or_default(), bytes_max),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(true)
}

/// Waits for the end; `None` if it does not end in time. A command usually ends with its output.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<std::process::ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(KILLED_POLL);
    }
}

/// Kills the command with all that it started.
fn kill(child: &mut Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have just ended.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let _ = wait(child, Instant::now() + KILLED_WAIT);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, wait: Duration, bytes_max: usize) -> Result<(String, u64), String> {
        let deadline = Instant::now() + wait;
        let found = output_of(Path::new("/bin/sh"), &["-c", script], deadline, bytes_max)?;
        let left_out = found.left_out;
        Ok((String::from_utf8(found.into_bytes()).unwrap(), left_out))
    }

    #[test]
    fn returns_the_end_of_the_output() {
        let enough = Duration::from_secs(20);
        assert_eq!(
            shell("echo one; echo two >&2", enough, 99),
            Ok(("one\n".to_owned(), 0))
        );
        assert_eq!(
            shell("printf 0123456789", enough, 4),
            Ok(("6789".to_owned(), 6))
        );
        let (text, left_out) = shell("seq 100000", enough, 1_000).unwrap();
        assert!(text.ends_with("\n99999\n100000\n") && text.len() == 1_000);
        assert_eq!(left_out, 588_895 - 1_000);
    }

    #[test]
    fn says_why_a_command_failed() {
        let enough = Duration::from_secs(20);
        let failed = shell("echo first >&2; echo 'no daemon' >&2; exit 3", enough, 99);
        assert_eq!(failed.unwrap_err(), "exit status: 3: no daemon");
        assert_eq!(shell("exit 4", enough, 99).unwrap_err(), "exit status: 4");
        let missing = output_of(Path::new("/no/such"), &[], Instant::now() + enough, 9);
        assert!(missing.unwrap_err().starts_with("cannot start /no/such: "));
    }

    #[test]
    fn a_command_that_hangs_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 60 & echo $! > {}; wait", file.display());
        let hung = shell(&script, Duration::from_millis(400), 99);
        assert_eq!(hung.unwrap_err(), "it did not end in time");
        let pid = std::fs::read_to_string(file).unwrap();
        let is_gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
        };
        let begun = Instant::now();
        while !is_gone() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it still runs");
            thread::sleep(KILLED_POLL);
        }
    }

    #[test]
    fn a_program_is_found_in_the_folders_of_the_path() {
        let path = OsStr::new("/no/such:/bin:/usr/bin");
        assert!(find("sh", path).is_some());
        assert_eq!(find("no-such-program", path), None);
    }
}
