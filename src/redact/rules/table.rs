//! The table of rules, each with an example and a counterexample. `format-spec/redaction.md` shows the same table, and a test compares
//! the two. The rules here and in [`super::commands`] recognise a secret by its context; those in [`super::vendors`] by its form.

use super::commands::COMMANDS;
use super::protocols::PROTOCOLS;
use super::rule::Before;
use super::rule::Rule;
use super::rule::Shape;
use super::rule::token;
use super::shape;
use super::url::Writing;
use super::vendors::VENDORS;
use crate::redact::names::RequiredLink;

/// The rules in the order of the table. If two matches overlap, the one that starts first decides on the form of the mask.
pub static RULES: &[Rule] = &joined();

/// The parts of the table in their order.
const PARTS: [&[Rule]; 5] = [NAMES, COMMANDS, PROTOCOLS, PLACES, VENDORS];

const COUNT: usize = NAMES.len() + COMMANDS.len() + PROTOCOLS.len() + PLACES.len() + VENDORS.len();

/// The parts one after the other.
#[expect(clippy::indexing_slicing, reason = "checked when it is compiled")]
const fn joined() -> [Rule; COUNT] {
    let mut all = [NAMES[0]; COUNT];
    let (mut place, mut part) = (0, 0);
    while part < PARTS.len() {
        let mut index = 0;
        while index < PARTS[part].len() {
            all[place] = PARTS[part][index];
            place += 1;
            index += 1;
        }
        part += 1;
    }
    all
}

/// The rules that recognise a secret by its name, and a few by their form.
const NAMES: &[Rule] = &[
    Rule {
        id: "anthropic-key",
        literals: &["sk-ant-"],
        shape: token(Before::Any, "sk-ant-", "[A-Za-z0-9_-]+").all(),
        changes: (
            "using sk-ant-api03-AbC_123-x for the run",
            "using sk-ant-[REDACTED] for the run",
        ),
        spares: "the prefix sk-ant- is followed by 100 characters",
    },
    Rule {
        id: "bearer",
        literals: &["bearer"],
        shape: token(
            Before::NoWord,
            "(?i:bearer)(?:[ \\t]+|%20|\\+)",
            "[A-Za-z0-9._~+/|:%!$*^-]+=*",
        )
        .only(shape::is_bearer_token),
        changes: (
            "-H 'X-Up: Bearer abc.DEF-1_2'",
            "-H 'X-Up: Bearer [REDACTED]'",
        ),
        spares: "WWW-Authenticate: Bearer realm=\"registry\"",
    },
    Rule {
        id: "key-value",
        literals: &[
            "key",
            "token",
            "secret",
            "password",
            "credential",
            "passphrase",
        ],
        shape: Shape::Name(RequiredLink::Space),
        changes: (
            "connecting with password: hunter2 as root",
            "connecting with password=[REDACTED] as root",
        ),
        spares: "the key to success: a token bucket is full",
    },
    Rule {
        id: "aws-access-key",
        literals: &["akia", "asia"],
        shape: token(
            Before::Any,
            "AKIA|ASIA",
            concat!(
                "[0-9A-Z]{16,}(?:[:,;|/ \\t\"']{1,3}(?:[0-9]{4}-[0-9-]{5}T[0-9:]{8}Z?[ \\t]+)?",
                "[A-Za-z0-9/+]{40})?|[0-9A-Z]{8,}\\z",
            ),
        )
        .all(),
        changes: (
            "signed by AKIAIOSFODNN7EXAMPLE today",
            "signed by AKIA[REDACTED] today",
        ),
        spares: "region ASIAPACIFIC is up",
    },
    Rule {
        id: "other-name",
        literals: &[
            "passcode",
            "passwrd",
            "pswd",
            "password1",
            "password2",
            "password_confirm",
            "password_confirmation",
            "passwordconfirmation",
            "secret_id",
            "secret id",
            "secretid",
            "rootpass",
            "authtok",
            "_pw",
            "_pat",
            "dbpw",
            "passwort",
            "kennwort",
            "wachtwoord",
            "contrase\u{f1}a",
            "contrasena",
            "mot de passe",
            "mot_de_passe",
            "motdepasse",
            "otp_seed",
            "otpseed",
            "senha",
            "has\u{142}o",
            "l\u{f6}senord",
            "\u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}",
            "\u{41f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}",
            "\u{5bc6}\u{7801}",
            "\u{5bc6}\u{78bc}",
            "\u{53e3}\u{4ee4}",
            "\u{30d1}\u{30b9}\u{30ef}\u{30fc}\u{30c9}",
            "\u{be44}\u{bc00}\u{bc88}\u{d638}",
            "secretstring",
            "secret_string",
            "key_base",
            "key_data",
            "key-data",
            "keydata",
            "key_pem",
            "key_material",
            "_passwd",
            "_pwd",
            "_pass",
            "-pass",
            ".pass",
        ],
        shape: Shape::Name(RequiredLink::Sign),
        changes: ("DB_PASS: hunter2", "DB_PASS=[REDACTED]"),
        spares: "enter passphrase for the first disk",
    },
    Rule {
        id: "ambiguous-name",
        literals: &[
            "passwd",
            "pwd",
            "credentials",
            "secrets",
            "passwords",
            "creds",
            "cookie",
            "jsessionid",
            "session_id",
            "sessionid",
            "_session",
            ".sid",
            "phpsessid",
            "bearer",
            "psk",
            "api_keys",
            "apikeys",
            "api_tokens",
            "auth_tokens",
            "access_tokens",
            "refresh_tokens",
            "_auth",
            "session id",
            "sessid",
            "samlresponse",
            "x-auth",
            "code_verifier",
            "codeverifier",
            "device_code",
            "recovery_code",
            "recoverycode",
            "recovery_codes",
            "recoverycodes",
            "recovery code",
            "recovery codes",
            "backup_code",
            "backup_codes",
            "backupcodes",
            "backup codes",
            "scratch codes",
            "scratch_codes",
            "sonar.login",
            "mfa_seed",
            "totp_seed",
            "totp seed",
            "setup code",
            "setup_code",
            "invite code",
            "invite_code",
            "access code",
            "access_code",
        ],
        shape: Shape::Name(RequiredLink::Equals),
        changes: ("db?passwd=hunter2", "db?passwd=[REDACTED]"),
        spares: "pam_unix(passwd:chauthtok): done in PWD=/root",
    },
    Rule {
        id: "short-name",
        literals: &["pass"],
        shape: Shape::Name(RequiredLink::Uncounted),
        changes: ("user=bob pass=hunter2", "user=bob pass=[REDACTED]"),
        spares: "pass=12 fail=0 bypass=localhost spf=pass",
    },
    Rule {
        id: "cli-flag",
        literals: &[
            "key",
            "token",
            "secret",
            "password",
            "credential",
            "passphrase",
            "passwd",
            "cookie",
            "-pass",
            "-pwd",
        ],
        shape: Shape::Name(RequiredLink::Flag),
        changes: (
            "login --password hunter -v",
            "login --password=[REDACTED] -v",
        ),
        spares: "the --password option is deprecated",
    },
];

/// The rules that recognise a secret by the words or signs around it.
const PLACES: &[Rule] = &[
    Rule {
        id: "told-password",
        literals: &[
            "password is ", "password was ", "password has ", "password for ", "password elastic", "password kibana", "password logstash",
            "password beats", "password apm_", "password remote_",
        ],
        shape: token(
            Before::Any,
            concat!(
                "(?i:password)[ \\t]+(?:is|was|has[ \\t]+been)",
                "(?:[ \\t]+(?:now|set|reset|changed|generated|created|provided|this|session|to|as|for|[^\\s:@]+@[^\\s:]+:?)){0,4}",
                ":?[ \\t]+['\"]?",
                "|(?i:password)[ \\t]+for[ \\t]+(?:[^\\s:]+[ \\t]+){1,6}?is[ \\t]*:[ \\t]*['\"]?",
                "|PASSWORD[ \\t]+[a-z_]+[ \\t]+=[ \\t]+",
            ),
            "[^\\s'\"]{6,}",
        )
        .only(shape::is_not_word),
        changes: (
            "A temporary password is generated for root@localhost: x9kYh!7qwe",
            "A temporary password is generated for root@localhost: [REDACTED]",
        ),
        spares: "your password is incorrect, the password was changed to comply",
    },
    Rule {
        id: "sql-rows",
        literals: &["values (", "values("],
        shape: Shape::Rows,
        changes: (
            "INSERT INTO users (name, password) VALUES ('bob', 'hunter 2')",
            "INSERT INTO users (name, password) VALUES ('bob', '[REDACTED]')",
        ),
        spares: "INSERT INTO users (name, password) VALUES (?, NULL)",
    },
    Rule {
        id: "sql-condition",
        literals: &["where "],
        shape: Shape::Condition,
        changes: (
            "UPDATE settings SET value = 'hunter 2' WHERE key = 'smtp_password'",
            "UPDATE settings SET value = '[REDACTED]' WHERE key = 'smtp_password'",
        ),
        spares: "UPDATE settings SET value = 'dark' WHERE key = 'theme'",
    },
    Rule {
        id: "sql-password",
        literals: &["identified", "password('", "password(\""],
        shape: token(
            Before::NoWord,
            concat!(
                "(?i:identified)[ \\t]+(?:(?i:with)[ \\t]+[^\\s]+[ \\t]+)?(?i:by|as)[ \\t]+",
                "(?:(?i:password)[ \\t]+)?|(?i:password)\\(",
            ),
            "'[^']+'?|\"[^\"]+\"?",
        )
        .only(shape::is_not_revision),
        changes: (
            "CREATE USER bob IDENTIFIED BY 'hunter 2' REQUIRE SSL",
            "CREATE USER bob IDENTIFIED BY [REDACTED] REQUIRE SSL",
        ),
        spares: "a row is identified by its id",
    },
    Rule {
        id: "authorization",
        literals: &["authorization"],
        shape: token(
            Before::Any,
            concat!(
                "(?i:authorization)\\\\*[\"']?\\]?[ \\t]*(?:=>|[:=])[ \\t]*\\[?\\\\*[\"']?",
                "(?:(?i:basic|bearer|token|apikey|api-key|negotiate|ntlm|key|secret|jwt|bot|ssws)[ \\t]+)?",
            ),
            "[A-Z][A-Za-z-]{1,24}[ \\t]+[^\\s\"'\\\\,;\\[\\]]+|[^\\s\"'\\\\,;\\[\\]]+",
        )
        .only(shape::is_authorization),
        changes: (
            "> Authorization: token hunter",
            "> Authorization: token [REDACTED]",
        ),
        spares: "authorization: failed for user bob",
    },
    Rule {
        id: "authorization-scheme",
        literals: &["authorization"],
        shape: token(
            Before::Any,
            "(?i:authorization)\\\\*[\"']?[ \\t]*[:=][ \\t]*\\\\*[\"']?[a-z][a-z-]{1,24}[ \\t]+",
            "[^\\s\"'\\\\,;\\[\\]]{8,}",
        )
        .only(shape::is_made_up),
        changes: (
            "authorization: custom Rd3Qv3O0H845qBJ6",
            "authorization: custom [REDACTED]",
        ),
        spares: "authorization: failed for bob@example.com",
    },
    Rule {
        id: "configured-password",
        literals: &[
            "requirepass", "masterauth", "bindpw", "rootpw", "storepass", "keypass", "vault login", "wpa_passphrase", "wpa-psk", "-passin",
            "rocommunity", "rwcommunity", "snmp community", "snmp-server community", ": psk ", ": eap \"", ": xauth \"",
            "credentials: ", "credentials for ", "login: ", "login with ", "log in with ", "auth_message_response",
        ],
        shape: token(
            Before::Any,
            concat!(
                "(?i:requirepass|masterauth|bindpw|rootpw|storepass|keypass|vault login|wpa_passphrase|wpa-psk|-passin|r[ow]community|snmp(?:-server)? community|: (?:psk|eap|xauth))[ \\t=:]+(?:pass:)?[\"']?",
                "|(?i:credentials(?: for [^\\s:]{1,64})?:|login:|login with|log in with) [\"']?[A-Za-z0-9._@-]+(?: ?/ ?|:)",
                "|auth_message_response\\\\*\",[ \\t]*\\\\*\"response\\\\*\":[ \\t]*\\\\*\"",
            ),
            "[^\\s\"']{6,}",
        )
        .only(shape::is_likely),
        changes: (
            "keytool -list -storepass Rd3Qv3O0H845 x",
            "keytool -list -storepass [REDACTED] x",
        ),
        spares: "requirepass is not set, and -storepass file.txt",
    },
    Rule {
        id: "redis-auth",
        literals: &["auth ", "auth\" "],
        shape: token(
            Before::NoToken,
            "(?:AUTH|(?:AUTH|auth)\")[ \\t]+(?:\"?(?:PLAIN|LOGIN|XOAUTH2|OAUTHBEARER|[a-z][a-z0-9_-]{0,32})\"?[ \\t]+)?\"?",
            "[^\\s\"']{8,}",
        )
        .only(shape::is_made_up),
        changes: (
            "AUTH default Rd3Qv3O0H845qBJ6",
            "AUTH default [REDACTED]",
        ),
        spares: "SMTP AUTH LOGIN PLAIN offered, AUTH failed for bob",
    },
    Rule {
        id: "thin-password",
        literals: &["thin:"],
        shape: token(
            Before::NoWord,
            "(?i:thin):[^\\s/@:\"']{1,64}/",
            "[^\\s@\"']{1,128}@",
        )
        .followed(1)
        .all(),
        changes: (
            "jdbc:oracle:thin:scott/tiger7x@db:1521:orcl",
            "jdbc:oracle:thin:scott/[REDACTED]@db:1521:orcl",
        ),
        spares: "jdbc:oracle:thin:@db:1521:orcl",
    },
    Rule {
        id: "added-mask",
        literals: &["::add-mask::", "seed phrase", "recovery phrase", "mnemonic phrase", "seed words"],
        shape: token(
            Before::Any,
            "::add-mask::|(?i:seed phrase|recovery phrase|mnemonic phrase|seed words)['\"]?[ \\t]*[:=][ \\t]*['\"]?",
            "[^\\r\\n]+",
        )
        .all(),
        changes: ("::add-mask::hunter 2", "::add-mask::[REDACTED]"),
        spares: "use ::add-mask::",
    },
    Rule {
        id: "authorization-parameters",
        literals: &["digest", "aws4-", "hawk", "oauth", "signature"],
        shape: token(
            Before::NoWord,
            concat!(
                "(?i:digest|aws4-hmac-sha256|hawk|oauth|signature)[ \\t]+",
                "(?i:username|credential|id|realm|oauth_[a-z_]+|keyid)=",
            ),
            "[^\\s\\[][^'\\r\\n\\[]*",
        )
        .all(),
        changes: (
            "Digest username=\"bob\", response=\"6629fae4\"",
            "Digest username=[REDACTED]",
        ),
        spares: "Digest: sha256:6629fae4 pulled",
    },
    Rule {
        id: "basic-auth",
        literals: &["basic"],
        shape: token(
            Before::NoWord,
            "(?i:basic)(?:[ \\t]+|%20)",
            "[A-Za-z0-9+/_-]{4,}={0,2}",
        )
        .only(shape::is_user_and_password),
        changes: ("Proxy: Basic Ym9iOmh1bnRlcjI=", "Proxy: Basic [REDACTED]"),
        spares: "Basic authentication is enabled",
    },
    Rule {
        id: "registry-auth",
        literals: &["auth\"", "auth\\\""],
        shape: token(
            Before::NoWord,
            "auth\\\\*\"[ \\t]*:[ \\t]*\\\\*\"",
            "[A-Za-z0-9+/]{8,}={0,2}",
        )
        .only(shape::is_user_and_password),
        changes: (
            "{\"auths\":{\"r.example.com\":{\"auth\":\"Ym9iOmh1bnRlcjI=\"}}}",
            "{\"auths\":{\"r.example.com\":{\"auth\":\"[REDACTED]\"}}}",
        ),
        spares: "{\"auth\":\"disabled\"}",
    },
    Rule {
        id: "set-cookie",
        literals: &["set-cookie"],
        shape: token(
            Before::Any,
            "(?i:set-cookie)2?:[ \\t]*[^\\s=;,:\"']+=",
            "\"[^\"\\r\\n]+\"?|[^\\s;\"']+",
        )
        .all(),
        changes: (
            "Set-Cookie: sid=31d4d96e; Path=/; HttpOnly",
            "Set-Cookie: sid=[REDACTED]; Path=/; HttpOnly",
        ),
        spares: "Set-Cookie: header is missing",
    },
    Rule {
        id: "cookie",
        literals: &["cookie"],
        shape: token(
            Before::NoToken,
            "(?i:cookie):[ \\t]*[^\\s=;,:\"']+=",
            "(?:\"[^\"\\r\\n]*\"|[^\\s\"'])(?:=\"[^\"\\r\\n]*\"|[^\\r\\n\"'])*",
        )
        .all(),
        changes: (
            "-H 'Cookie: sid=31d4d96e; theme=dark' x",
            "-H 'Cookie: sid=[REDACTED]' x",
        ),
        spares: "cookie: disabled by the client",
    },
    Rule {
        id: "url-password",
        literals: &["://", ":\\/\\/"],
        shape: Shape::Url(Writing::Plain),
        changes: (
            "cloning https://bob:hun@ter2@git.example.com/x.git",
            "cloning https://bob:[REDACTED]@git.example.com/x.git",
        ),
        spares: "GET http://web:8080/users/bob@example.com and ssh://git@host/x",
    },
    Rule {
        id: "encoded-url-password",
        literals: &["%3a%2f%2f"],
        shape: Shape::Url(Writing::Encoded),
        changes: (
            "?next=https%3A%2F%2Fbob%3Ahunter2%40git.example.com%2Fx",
            "?next=https%3A%2F%2Fbob%3A[REDACTED]%40git.example.com%2Fx",
        ),
        spares: "?next=http%3A%2F%2Fweb%3A8080%2Fusers%2Fbob%40example.com",
    },
    Rule {
        id: "url-token",
        literals: &["://", ":\\/\\/"],
        shape: token(Before::Any, "://|:\\\\/\\\\/", "[A-Za-z0-9_.~+-]{20,}@")
            .followed(1)
            .only(shape::has_digit),
        changes: (
            "https://0123456789abcdef0123456789abcdef@git.example.com/x",
            "https://[REDACTED]@git.example.com/x",
        ),
        spares: "https://a-rather-long-user-name@git.example.com/x",
    },
    Rule {
        id: "dsn-password",
        literals: &["@tcp(", "@unix(", "@udp("],
        shape: Shape::Userinfo,
        changes: (
            "open \"root:hun:ter2@tcp(127.0.0.1:3306)/shop\"",
            "open \"root:[REDACTED]@tcp(127.0.0.1:3306)/shop\"",
        ),
        spares: "listening root@tcp(127.0.0.1:3306)",
    },
    Rule {
        id: "signed-url",
        literals: &["sig=", "signature="],
        shape: token(
            Before::NoWord,
            "(?i:sig|signature)=",
            "[A-Za-z0-9%/+_-]{16,}=*",
        )
        .all(),
        changes: (
            "GET /blob?sv=2024&sig=AbC%2Fdef0123456789%3D&se=1",
            "GET /blob?sv=2024&sig=[REDACTED]&se=1",
        ),
        spares: "caught sig=11 in worker",
    },
    Rule {
        id: "xml-element",
        literals: &[
            "password>",
            "passwd>",
            "passphrase>",
            "secret>",
            "token>",
            "apikey>",
            "api_key>",
            "api-key>",
            "secret_key>",
            "access_key>",
            "private_key>",
            "auth_key>",
            "secretkey>",
            "accesskey>",
            "privatekey>",
        ],
        shape: token(
            Before::Tag,
            "(?i:password|passwd|passphrase|secret|token|(?:api|secret|access|private|auth)[_-]?key)>",
            "[^<]+<",
        )
        .followed(1)
        .all(),
        changes: (
            "<proxyPassword>hunter 2</proxyPassword>",
            "<proxyPassword>[REDACTED]</proxyPassword>",
        ),
        spares: "<password></password> token>x<",
    },
    Rule {
        id: "private-key",
        literals: &["-----begin ", "---- begin "],
        shape: Shape::PrivateKey,
        changes: (
            "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIBYr\nP1cN\n-----END EC PRIVATE KEY-----",
            "-----BEGIN EC PRIVATE KEY-----[REDACTED]-----END EC PRIVATE KEY-----",
        ),
        spares: "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::RedactOptions;
    use crate::redact::Redactor;
    use std::collections::BTreeSet;

    #[test]
    fn each_rule_alone_changes_its_example_and_not_its_counterexample() {
        for rule in RULES {
            let others = RULES.iter().filter(|other| other.id != rule.id);
            let only = RedactOptions {
                disabled: others.map(|other| other.id.to_owned()).collect(),
                ..RedactOptions::default()
            };
            let redactor = Redactor::new(&only).unwrap();
            let (before, after) = rule.changes;
            assert_eq!(redactor.redact_text(before), after, "{}", rule.id);
            assert_eq!(redactor.redact_text(after), after, "{} again", rule.id);
            assert_eq!(
                redactor.redact_text(rule.spares),
                rule.spares,
                "{}",
                rule.id
            );
        }
    }

    #[test]
    fn all_rules_together_leave_the_counterexamples_unchanged() {
        let redactor = Redactor::new(&RedactOptions::default()).unwrap();
        for rule in RULES {
            assert_eq!(
                redactor.redact_text(rule.spares),
                rule.spares,
                "{}",
                rule.id
            );
        }
    }

    #[test]
    fn ids_are_unique_and_literals_are_searchable() {
        let ids: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
        assert!(
            RULES.len() + 64 <= 128,
            "a set of rules has a bit for each, and each pattern"
        );
        for rule in RULES {
            assert!(rule.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
            assert!(!rule.literals().is_empty());
            for literal in rule.literals() {
                assert!(literal.len() >= 3, "{literal}");
                assert_eq!(literal, literal.to_ascii_lowercase());
            }
        }
    }
}
