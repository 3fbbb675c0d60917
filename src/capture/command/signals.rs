//! Forwards the signals that vmlog receives to the command. A terminal sends its signals to the whole foreground
//! group, including the command: those are not forwarded, or the command would get them twice.

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

/// The forwarded signals. A stop from the terminal (`^Z`) stops the whole group, including vmlog, and needs no
/// forwarding.
const PASSED_ON: [i32; 8] = [
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH,
];

/// How many ancestors are checked to see whether the sender belongs to the command; real process trees are less deep.
const PARENTS_MAX: usize = 64;

/// Catches signals from its creation on, and forwards them once the command is known.
#[derive(Debug)]
pub(crate) struct Relay {
    signals: SignalsInfo<WithOrigin>,
}

/// The command that receives the signals. `None` after it was waited for, because its process ID may then belong to
/// another process.
#[derive(Debug, Clone)]
pub(crate) struct SignalTarget {
    pid: Arc<Mutex<Option<Pid>>>,
}

/// Whether signals that the terminal sends to our process group reach the command directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProcessGroup {
    /// The command is in our group.
    Ours,
    /// The command has a terminal of its own.
    Own,
}

impl Relay {
    /// Signals that are already ignored stay ignored, in the command too: `nohup`, or a shell's background job.
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

    /// Forwards pending and future signals, on a thread of its own. `on_resize` is called when the terminal size
    /// changes.
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
                    // Its own terminal reports the new size to it.
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

/// Lets a limit on file sizes (`ulimit -f`) make a write fail, as a full disk does, instead of ending vmlog.
pub(crate) fn survive_file_limits() {
    // By default the signal would end the capture and the command with it.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
}

impl SignalTarget {
    pub(crate) fn new(pid: u32) -> Self {
        let pid = pid.try_into().ok().and_then(Pid::from_raw);
        Self {
            pid: Arc::new(Mutex::new(pid)),
        }
    }

    /// Called when the command has ended, because its process ID may be reused.
    pub(crate) fn forget(&self) {
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn deliver(&self, origin: &Origin, group: ProcessGroup) {
        // The lock is held while sending, so that the process ID stays valid.
        let pid = self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        match *pid {
            Some(pid) if reaches_it_already(origin, group, pid) => {}
            Some(pid) => {
                if let Some(signal) = Signal::from_named_raw(origin.signal) {
                    // Fails if the command has just ended, which is harmless.
                    let _ = kill_process(pid, signal);
                }
            }
            // The command has ended: the signal is for vmlog itself.
            None => drop(emulate_default_handler(origin.signal)),
        }
    }
}

/// Whether the signal also went to the command, or came from it: `kill 0` in a script must not send a second one.
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
    // The name is in parentheses and may contain any character.
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
