//! Secrets among the arguments of commands, which shells, histories and audit records print.

use super::rule::Before;
use super::rule::Rule;
use super::rule::Shape;
use super::rule::token;
use super::shape;

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
        ],
        shape: token(
            Before::NoWord,
            concat!(
                "(?:(?:mysql|mariadb)[a-z-]*(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-p",
                "|sshpass(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-p[ \\t]*",
                "|(?:7za?|unrar)(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-p",
                "|(?:mongo[a-z]*|login|cqlsh|twine)(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-p(?:[ \\t]+|=)",
                "|redis-cli(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-a[ \\t]+",
                "|(?:curl|wget)(?:[ \\t]+[^\\s|;&]+){0,12}?",
                "[ \\t]+(?:-[a-zA-Z]{0,6}u|--user|--proxy-user|-U)[ \\t=]*",
                "['\"]?[^\\s:'\"]+:",
                "|ldap[a-z]+(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-w[ \\t]+",
                "|(?:(?:un)?zip|sqlcmd|ipmitool)(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-P[ \\t]+",
                "|lftp(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-u[ \\t]+[^\\s,]+,",
                "|htpasswd(?:[ \\t]+-[^\\s]+){0,8}?[ \\t]+",
                "(?:-[a-zA-Z]*(?:n[a-zA-Z]*b|b[a-zA-Z]*n)[a-zA-Z]*(?:[ \\t]+-[^\\s]+){0,8}[ \\t]+[^\\s]+",
                "|-[a-zA-Z]*b[a-zA-Z]*(?:[ \\t]+-[^\\s]+){0,8}[ \\t]+[^\\s]+[ \\t]+[^\\s]+)[ \\t]+",
                "|from-literal[= \\t]['\"]?[^\\s=]+=",
                "|openssl(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+(?:-pass(?:in|out)?[ \\t]+pass:|-k[ \\t]+)",
                "|user(?:add|mod)(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-p[ \\t]+",
                "|(?:smbclient|rpcclient|net)(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-U[ \\t]+[^\\s%]+%",
                "|snmp[a-z]+(?:[ \\t]+[^\\s|;&]+){0,12}?[ \\t]+-[AX][ \\t]+)",
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
        ],
        shape: token(
            Before::NoWord,
            concat!(
                "(?:rabbitmqctl(?:[ \\t]+-[^\\s]+){0,6}[ \\t]+(?:add_user|change_password|authenticate_user)[ \\t]+[^\\s]+[ \\t]+",
                "|sqlplus(?:[ \\t]+-[^\\s]+){0,4}[ \\t]+[^\\s/@-]+/",
                "|(?:http-basic|bitbucket-oauth)\\.[^\\s]+[ \\t]+[^\\s]+[ \\t]+",
                "|(?:pypi-token|github-oauth|gitlab-token)\\.[^\\s]+[ \\t]+",
                "|cloudflared(?:[ \\t]+[^\\s|;&]+){0,4}?[ \\t]+(?:service[ \\t]+install|--token)[ \\t]+",
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
        literals: &["chpasswd", "password-stdin", "passwd --stdin"],
        shape: Shape::Piped,
        changes: (
            "echo 'bob:hunter2' | sudo chpasswd -e",
            "echo 'bob:[REDACTED]' | sudo chpasswd -e",
        ),
        spares: "pam_unix(chpasswd:chauthtok): password changed for bob",
    },
];
