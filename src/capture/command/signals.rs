//! Signals that reach us are meant for the command. A terminal sends its signals to the whole foreground group, the command
//! included: those are not passed on, or the command would get them twice.

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::signal::{
    SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGXFSZ,
};
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::{Handle, SignalsInfo};
use signal_hook::low_level::emulate_default_handler;
use signal_hook::low_level::siginfo::{Cause, Origin};
use std::fs;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What is passed on. A stop from the terminal (`^Z`) stops the whole group, us too, and needs no help.
const PASSED_ON: [i32; 8] = [
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH,
];

/// How many parents are looked at to see whether the sender belongs to the command; deeper trees than this are not met.
const PARENTS_MAX: usize = 64;

/// Catches signals from when it is made, and passes them on once the command is known.
#[derive(Debug)]
pub(crate) struct Relay {
    signals: SignalsInfo<WithOrigin>,
}

/// The command that gets the signals, while it may get any: its number may be somebody else's after it was waited for.
#[derive(Debug, Clone)]
pub(crate) struct SignalTarget {
    pid: Arc<Mutex<Option<Pid>>>,
}

/// Whether a signal that the terminal sends to our process group reaches the command without us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProcessGroup {
    /// It is in our group.
    Ours,
    /// It has a terminal of its own.
    Own,
}

impl Relay {
    /// What is ignored already stays ignored, in the command too: `nohup`, or a shell's background job.
    pub(crate) fn install() -> io::Result<Self> {
        survive_file_limits();
        let ignored = fs::read_to_string("/proc/self/status").map_or(0, |status| ignored(&status));
        let signals = PASSED_ON
            .into_iter()
            .filter(|&signal| ignored & mask(signal) == 0);
        Ok(Self {
            signals: SignalsInfo::new(signals.collect::<Vec<_>>())?,
        })
    }

    /// Passes on what came and what comes, on a thread of its own. `on_resize` is called when the terminal has another size.
    pub(crate) fn pass_on(
        mut self,
        target: SignalTarget,
        group: ProcessGroup,
        on_resize: impl Fn() + Send + 'static,
    ) -> io::Result<Handle> {
        let handle = self.signals.handle();
        let run = move || {
            for origin in self.signals.forever() {
                match (origin.signal, group) {
                    // its terminal tells it
                    (SIGWINCH, ProcessGroup::Own) => on_resize(),
                    _ => target.deliver(&origin, group),
                }
            }
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(run)?;
        Ok(handle)
    }
}

/// A limit on the size of files (`ulimit -f`) makes a write fail, as a full disk does, and does not end us.
pub(crate) fn survive_file_limits() {
    // without it a limit ends the capture and the command with it
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
}

impl SignalTarget {
    pub(crate) fn new(pid: u32) -> Self {
        let pid = pid.try_into().ok().and_then(Pid::from_raw);
        Self {
            pid: Arc::new(Mutex::new(pid)),
        }
    }

    /// The command has ended, and its process ID may be used again.
    pub(crate) fn forget(&self) {
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn deliver(&self, origin: &Origin, group: ProcessGroup) {
        // held while sending, so that the number stays the command's
        let pid = self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        match *pid {
            Some(pid) if reaches_it_already(origin, group, pid) => {}
            Some(pid) => {
                if let Some(signal) = Signal::from_named_raw(origin.signal) {
                    // it may have ended this moment
                    let _ = kill_process(pid, signal);
                }
            }
            // the command is gone: the signal is for this process
            None => drop(emulate_default_handler(origin.signal)),
        }
    }
}

/// Whether the signal went to the command too, or came from it: `kill 0` in a script must not come back as a second one.
fn reaches_it_already(origin: &Origin, group: ProcessGroup, command: Pid) -> bool {
    if matches!(origin.cause, Cause::Kernel) {
        return group == ProcessGroup::Ours;
    }
    let sender = origin.process.as_ref().map(|process| process.pid);
    group == ProcessGroup::Ours
        && sender.is_some_and(|sender| descends_from(sender, command.as_raw_pid()))
}

fn descends_from(process: i32, ancestor: i32) -> bool {
    let mut current = process;
    for _ in 0..PARENTS_MAX {
        if current == ancestor {
            return true;
        }
        match parent_of(current) {
            Some(parent) if parent > 1 => current = parent,
            _ => return false,
        }
    }
    false
}

fn parent_of(process: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // the name is in parentheses and may contain any character
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The mask of ignored signals from the text of `/proc/<pid>/status` (proc(5)).
fn ignored(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

fn mask(signal: i32) -> u64 {
    u32::try_from(signal - 1).map_or(0, |bit| 1 << bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        let status = "Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert_eq!(ignored(status), 0x1001);
        assert_ne!(ignored(status) & mask(SIGHUP), 0);
        assert_eq!(ignored(status) & mask(SIGINT), 0);
        assert_eq!(ignored("nothing"), 0);
    }

    #[test]
    fn a_child_descends_from_us() {
        let own = i32::try_from(std::process::id()).unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("9")
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(descends_from(pid, own));
        assert!(!descends_from(own, pid));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
