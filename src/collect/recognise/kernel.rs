//! Reports of the kernel: an oops, a warning, a hung task, an out-of-memory report. `text` is a line without the time since the boot.

use super::bytes::{ByteSet, says};
use super::words::{Starts, is_number, split_once};

/// Beginnings of reports.
static REPORTS: Starts = Starts::new(&[
    b"BUG: ",
    b"kernel BUG at ",
    b"Oops",
    b"general protection fault",
    b"Unable to handle kernel",
    b"WARNING: CPU: ",
    b"INFO: task ",
    b"watchdog: BUG",
    b"rcu: INFO: ",
    b"------------[ cut here ]",
    b"Kernel panic",
]);

/// Whether the first bytes of a line, perhaps with the time since the boot, may begin a report.
pub(crate) fn may_begin(line: &[u8]) -> bool {
    REPORTS.may_begin(line) || matches!(line, [b'[', b' ' | b'0'..=b'9' | b'.' | b'\t', ..])
}

/// Whether a line begins a report. The bytes of the line may be known.
pub(crate) fn begins(text: &[u8], bytes: Option<ByteSet>) -> bool {
    REPORTS.begin(text) || says!(text, bytes, b" invoked oom-killer: ")
}

/// Beginnings of lines in a report.
const STARTS: &[&str] = &[
    "CPU:",
    "Hardware name:",
    "Call Trace:",
    "Call trace:",
    "RIP:",
    "RSP:",
    "RAX:",
    "RBX:",
    "RCX:",
    "RDX:",
    "RSI:",
    "RDI:",
    "RBP:",
    "R08:",
    "R10:",
    "R13:",
    "FS:",
    "CS:",
    "CR2:",
    "DR0:",
    "DR3:",
    "PKRU:",
    "Code:",
    "Modules linked in:",
    "Mem-Info:",
    "active_anon:",
    "Node ",
    "lowmem_reserve",
    "Tasks state",
    "[  pid  ]",
    "oom-kill:",
    "Out of memory: Killed",
    "Memory cgroup out of memory",
    "Memory cgroup stats",
    "memory: usage",
    "swap: usage",
    "Workqueue:",
    "---[ end",
    "<TASK>",
    "</TASK>",
    "<IRQ>",
    "</IRQ>",
    "? ",
    "Free swap",
    "Total swap",
    "Swap cache stats",
    "pc :",
    "lr :",
    "sp :",
    "x0 ",
    "x1",
    "x2",
    "x3",
    "x6",
    "x9",
    "pstate:",
    "Tainted:",
    "PGD ",
    "#PF:",
    "Oops: ",
    "task:",
    "\"echo 0 >",
    "Not tainted",
    "Kernel Offset",
    "oom_reaper:",
    "anon ",
    "file ",
    "WARNING: CPU: ",
    "kernel BUG at ",
    "BUG: ",
    "ORIG_RAX:",
    "Mem abort info:",
    "Data abort info:",
    "user pgtable:",
    "swapper pgtable:",
    "Process ",
    "Stack:",
    "Backtrace:",
    "NMI backtrace for cpu",
    "Sending NMI",
    "rcu: ",
    "Kernel panic - not syncing",
    "Rebooting in ",
    "Unreclaimable slab info:",
    "Purging GPU memory",
    "memory+swap: usage",
    "kmem: usage",
    "Tasks in ",
    "Cgroup memory limit",
    "CPU0:",
    "EFLAGS:",
    "EAX:",
    "ESI:",
    "DS:",
];

/// Whether a line after the first one belongs to a report.
pub(crate) fn continues(text: &[u8]) -> bool {
    let is_row = text.starts_with(b"[")
        && text
            .get(1..)
            .unwrap_or_default()
            .trim_ascii_start()
            .first()
            .is_some_and(u8::is_ascii_digit);
    let counts = [
        &b" total pagecache pages"[..],
        b" pages RAM",
        b" pages in swap cache",
        b" pages reserved",
        b" pages HighMem/MovableOnly",
        b" pages hwpoisoned",
        b" pages cma reserved",
    ];
    matches!(text.first(), Some(b' ' | b'\t'))
        || is_row
        || is_counter(text)
        || STARTS
            .iter()
            .any(|start| text.starts_with(start.as_bytes()))
        || counts.iter().any(|count| text.ends_with(count))
}

/// `inactive_anon 104857600`, a row of the statistics of a control group.
fn is_counter(text: &[u8]) -> bool {
    let (name, number) = split_once(text, b' ').unwrap_or_default();
    let is_name = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'0'..=b'9');
    !name.is_empty() && name.iter().all(is_name) && is_number(number)
}
