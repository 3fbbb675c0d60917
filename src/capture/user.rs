//! The name of the user that we run as.

use std::fs;

/// By `/etc/passwd` (passwd(5)), as the account may have no other name in a static binary; else the number.
#[must_use]
pub fn user_name() -> String {
    let uid = rustix::process::geteuid().as_raw();
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&accounts, uid).map_or_else(|| uid.to_string(), str::to_owned)
}

fn name_of(accounts: &str, uid: u32) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let found = fields.nth(1)?.parse::<u32>().ok()?;
        (found == uid).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_number() {
        let accounts = "root:x:0:0::/root:/bin/sh\nbroken\nweb:x:33:33::/:/bin/false\n";
        assert_eq!(name_of(accounts, 33), Some("web"));
        assert_eq!(name_of(accounts, 1), None);
    }
}
