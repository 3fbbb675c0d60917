//! Writes warnings to the journal of this machine, because the command's own streams must stay unchanged.

use std::os::unix::net::UnixDatagram;

/// The socket of journald: <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>.
const SOCKET: &str = "/run/systemd/journal/socket";

/// Writes a warning to the journal, if there is one and it accepts it without waiting.
pub(crate) fn warn(text: &str) {
    let Ok(socket) = UnixDatagram::unbound() else {
        return;
    };
    let _ = socket.set_nonblocking(true);
    let _ = socket.send_to(entry(text).as_bytes(), SOCKET);
}

fn entry(text: &str) -> String {
    let line = text.replace('\n', " ");
    format!("PRIORITY=4\nSYSLOG_IDENTIFIER=vmlog\nMESSAGE={line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_three_fields_whatever_the_text() {
        assert_eq!(
            entry("no room\nPRIORITY=0"),
            "PRIORITY=4\nSYSLOG_IDENTIFIER=vmlog\nMESSAGE=no room PRIORITY=0\n"
        );
    }
}
