//! Secrets among the arguments of commands, which shells, histories and audit records print.

use super::rule::Before;
use super::rule::Rule;
use super::rule::Shape;
use super::rule::token;
use super::shape;

/// The arguments before an option, and its start, also in a list and in an audit record: `a1="-u" a2="root" a3="-p"`.
macro_rules! arguments {
    () => {
        "[\"',]*(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+(?:a[0-9]+=)?[\"']?"
    };
}

/// The text between an option and its value, which may be the next argument.
macro_rules! value {
    ($blanks:literal) => {
        concat!("[\"',]*[ \\t]", $blanks, "(?:a[0-9]+=)?")
    };
}

/// The rules of commands, a part of [`super::table::RULES`].
pub(super) const COMMANDS: &[Rule] = &[
    Rule {
        id: "tool-password",
        literals: &[
            "mysql",
            "mariadb",
            "mongo",
            "sshpass",
            "login",
            "redis-cli",
            "curl",
            "wget",
            "ldap",
            "zip",
            "unzip",
            "7z ",
            "7za",
            "unrar",
            "openssl",
            "smbclient",
            "lftp",
            "sqlcmd",
            "ipmitool",
            "htpasswd",
            "useradd",
            "usermod",
            "from-literal",
            "cqlsh",
            "twine",
            "rpcclient",
            "net ads",
            "net rpc",
            "snmp",
            "mosquitto_",
            "bcp ",
            "rdesktop",
            "evil-winrm",
            "crackmapexec",
            "netexec",
            "hydra",
            "psexec",
            "rcon",
            "mcrcon",
            "winexe",
            "slappasswd",
            "addprinc",
        ],
        shape: token(
            Before::NoWord,
            concat!(
                "(?:(?:mysql|mariadb)[a-z-]*", arguments!(), "-p",
                "|sshpass", arguments!(), "-p", value!("*"),
                "|(?:7za?|unrar)", arguments!(), "-p",
                "|(?:mongo[a-z]*|login|cqlsh|twine|rdesktop|evil-winrm|crackmapexec|netexec|hydra|psexec[a-z0-9.]*|mcrcon)", arguments!(), "-p(?:", value!("+"), "|=)",
                "|redis-cli", arguments!(), "-a", value!("+"),
                "|(?:curl|wget)[\"',]*(?:[ \\t]+[^\\s|;&]+){0,12}?",
                "[ \\t]+(?:a[0-9]+=)?[\"']?(?:-[a-zA-Z]{0,6}u|--user|--proxy-user|-U)[\"', \\t=]*(?:a[0-9]+=)?",
                "['\"]?[^\\s:'\"]+:",
                "|ldap[a-z]+", arguments!(), "-w", value!("+"),
                "|(?:(?:un)?zip|sqlcmd|ipmitool|bcp|rcon|mosquitto_[a-z]+)", arguments!(), "-P", value!("+"),
                "|lftp(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-u[ \\t]+[^\\s,]+,",
                "|htpasswd(?:[ \\t]+-[^\\s]+){0,8}?[ \\t]+",
                "(?:-[a-zA-Z]*(?:n[a-zA-Z]*b|b[a-zA-Z]*n)[a-zA-Z]*(?:[ \\t]+-[^\\s]+){0,8}[ \\t]+[^\\s]+",
                "|-[a-zA-Z]*b[a-zA-Z]*(?:[ \\t]+-[^\\s]+){0,8}[ \\t]+[^\\s]+[ \\t]+[^\\s]+)[ \\t]+",
                "|from-literal[= \\t]['\"]?[^\\s=]+=",
                "|openssl", arguments!(), "(?:-pass(?:in|out)?[ \\t]+pass:|-k[ \\t]+)",
                "|user(?:add|mod)", arguments!(), "-p", value!("+"),
                "|(?:smbclient|rpcclient|winexe|net)(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-U[ \\t]+['\"]?[^\\s%]+%",
                "|slappasswd", arguments!(), "-s", value!("+"),
                "|addprinc", arguments!(), "-pw", value!("+"),
                "|snmp[a-z]+", arguments!(), "-[AX]", value!("+"),
                "|snmp(?:bulk)?(?:get|walk|set|table|trap|status|df|test)[a-z]*", arguments!(), "-c", value!("+"), ")",
            ),
            "'[^']+'?|\"[^\"]+\"?|[^\\s'\"-][^\\s'\"]*",
        )
        .only(shape::is_not_mapping),
        changes: (
            "mysqldump -u root -phunter2 shop | sshpass -p 'x y' ssh db",
            "mysqldump -u root -p[REDACTED] shop | sshpass -p [REDACTED] ssh db",
        ),
        spares: "mkdir -p /srv/mysql && docker run -p 80:80 -u 1000:1000 web",
    },
    Rule {
        id: "second-password",
        literals: &["snmp"],
        shape: token(
            Before::NoWord,
            concat!("snmp[a-z]+", arguments!(), "-[AX]", value!("+"), "[^\\s|;&]+", arguments!(), "-[AX]", value!("+")),
            "'[^']+'?|\"[^\"]+\"?|[^\\s'\"-][^\\s'\"]*",
        )
        .all(),
        changes: (
            "snmpwalk -v3 -u bob -A [REDACTED] -X hunter22 host",
            "snmpwalk -v3 -u bob -A [REDACTED] -X [REDACTED] host",
        ),
        spares: "snmpwalk -v3 -u bob -A [REDACTED] host",
    },
    Rule {
        id: "tool-argument",
        literals: &[
            "rabbitmqctl",
            "sqlplus",
            "http-basic.",
            "bitbucket-oauth.",
            "pypi-token.",
            "github-oauth.",
            "gitlab-token.",
            "cloudflared",
            "on >",
            "expdp",
            "impdp",
            "alias set ",
            "db2 connect",
            "nuget push",
            "cargo login",
            "radtest",
            "convertto-securestring",
            "stats auth ",
            "+login ",
            "sv_setsteamaccount",
            "net user ",
            "net use ",
            "xfreerdp",
            "wfreerdp",
            "sdl-freerdp",
            "schtasks",
            "wpa_passphrase ",
            "consul",
            "impacket",
            "psexec",
            "wmiexec",
            "smbexec",
            "atexec",
            "dcomexec",
            "secretsdump",
            "smbclient.py",
            "gettgt",
            "getuserspns",
            "getadusers",
            "lookupsid",
            "ticketer",
            "token <<<",
            "stdin <<<",
            "passwd <<<",
            "microk8s join",
            "ssh-keygen",
        ],
        shape: token(
            Before::NoWord,
            concat!(
                "(?:rabbitmqctl(?:[ \\t]+-[^\\s]+){0,6}[ \\t]+(?:add_user|change_password|authenticate_user)[ \\t]+[^\\s]+[ \\t]+",
                "|(?:sqlplus|expdp|impdp)(?:[ \\t]+-[^\\s]+){0,4}[ \\t]+[^\\s/@-]+/",
                "|(?:http-basic|bitbucket-oauth)\\.[^\\s]+[ \\t]+[^\\s]+[ \\t]+",
                "|(?:pypi-token|github-oauth|gitlab-token)\\.[^\\s]+[ \\t]+",
                "|cloudflared(?:[ \\t]+[^\\s|;&]+){0,4}?[ \\t]+(?:service[ \\t]+install|--token)[ \\t]+",
                "|alias set [^\\s]+ [^\\s]+://[^\\s]+ [^\\s]+ |db2 connect to [^\\s]+ user [^\\s]+ using |nuget push(?:[ \\t]+[^\\s|;&]+){0,6}?[ \\t]+-k[ \\t]+",
                "|cargo login |radtest [^\\s]+ |(?i:convertto-securestring)[ \\t]+(?:-String[ \\t]+)?|stats auth [^\\s:]+:|\\+login [^\\s]+ ",
                "|sv_setsteamaccount[ \\t]+",
                "|net user (?:/[a-z]+[ \\t]+)?[^\\s/]+[ \\t]+",
                "|net use (?:[A-Za-z*]:?[ \\t]+)?\\\\\\\\[^\\s]+[ \\t]+(?:/user:[^\\s]+[ \\t]+)?",
                "|(?:[xw]|sdl-)freerdp[0-9]?(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+/p:",
                "|schtasks(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+/rp[ \\t]+",
                "|wpa_passphrase [^\\s]+[ \\t]+",
                "|consul(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-encrypt[= \\t]",
                "|(?i:impacket-[a-z]+|psexec|wmiexec|smbexec|atexec|dcomexec|secretsdump|smbclient\\.py|gettgt|getuserspns|getadusers|lookupsid|ticketer)",
                "(?:\\.py)?(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+['\"]?[A-Za-z0-9._-]+/[A-Za-z0-9._$-]+:",
                "|(?:token|stdin|passwd) <<<[ \\t]*|microk8s join [^\\s/]+/",
                "|ssh-keygen", arguments!(), "-[NP]", value!("+"),
                "|on[ \\t]+>)",
            ),
            "'[^']+'?|\"[^\"]+\"?|[^\\s'\"-][^\\s'\"]*",
        )
        .only(shape::is_likely),
        changes: (
            "rabbitmqctl add_user app Rd3Qv3O0H845 && ACL SETUSER app on >Rd3Qv3O0H845 ~*",
            "rabbitmqctl add_user app [REDACTED] && ACL SETUSER app on >[REDACTED] ~*",
        ),
        spares: "rabbitmqctl list_users on > /dev/null; cloudflared tunnel run web",
    },
    Rule {
        id: "tool-cookie",
        literals: &["curl"],
        shape: token(
            Before::NoWord,
            "curl(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-b[ \\t]*['\"]?[^\\s=;'\"]+=",
            "[^\\s'\"][^'\"\\r\\n]*",
        )
        .all(),
        changes: (
            "curl -s -b 'sid=31d4d96e; theme=dark' https://x",
            "curl -s -b 'sid=[REDACTED]' https://x",
        ),
        spares: "curl -b cookies.txt https://x/?a=b",
    },
    Rule {
        id: "piped-password",
        literals: &[
            "chpasswd",
            "password-stdin",
            "passwd --stdin",
            "--with-token",
            "sudo -s",
            "sudo -h -s",
            "sudo -k -s",
            "sudo -n -s",
            "kinit",
            "cryptsetup",
            "smbpasswd",
            "--passphrase-fd",
        ],
        shape: Shape::Piped,
        changes: (
            "echo 'bob:hunter2' | sudo chpasswd -e",
            "echo 'bob:[REDACTED]' | sudo chpasswd -e",
        ),
        spares: "pam_unix(chpasswd:chauthtok): password changed for bob",
    },
];
