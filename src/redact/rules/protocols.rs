//! Secrets in the lines of protocols and of files of passwords, and among the arguments that stack traces print.

use super::rule::Before;
use super::rule::Rule;
use super::rule::token;
use super::shape;

/// The rules of protocols, a part of [`super::table::RULES`].
pub(super) const PROTOCOLS: &[Rule] = &[
    Rule {
        id: "mail-login",
        literals: &[
            "auth plain ",
            "auth login ",
            " login ",
            "> pass ",
            "c: pass ",
        ],
        shape: token(
            Before::Any,
            "AUTH (?:PLAIN|LOGIN) | LOGIN \"?[^\\s\"]+\"? \"?|> PASS |C: PASS ",
            "[^\\s\"]{6,}",
        )
        .only(shape::is_made_up),
        changes: (
            "C: AUTH PLAIN AGJvYgBSZDNRdjNPMEg4NDU=",
            "C: AUTH PLAIN [REDACTED]",
        ),
        spares: "250-AUTH PLAIN LOGIN CRAM-MD5, a1 LOGIN bob failed",
    },
    Rule {
        id: "radius-login",
        literals: &["login incorrect", "login ok"],
        shape: token(
            Before::Any,
            "Login (?:incorrect|OK)(?: \\([^)]{0,256}\\))?: \\[[^\\s/\\]]+/",
            "[^<\\[\\]\\s][^\\]]*",
        )
        .all(),
        changes: (
            "Login incorrect (mschap: x): [bob/hunter 2] (from client ap port 0)",
            "Login incorrect (mschap: x): [bob/[REDACTED]] (from client ap port 0)",
        ),
        spares: "Login OK: [bob/<via Auth-Type = EAP>] (from client ap port 0)",
    },
    Rule {
        id: "password-file",
        literals: &[
            ":5432:", ":5433:", ":6432:", ":*:*:", "\" * \"", "]:25 ", "]:465 ", "]:587 ",
        ],
        shape: token(
            Before::Any,
            ":(?:543[23]|6432):[^\\s:]+:[^\\s:]+:|:\\*:\\*:[^\\s:]+:|\" \\* \"|\\]:(?:25|465|587) [^\\s:]+:",
            "[^\\s:\"]{6,}",
        )
        .only(shape::is_likely),
        changes: (
            "db.internal:5432:shop:app:Rd3Qv3O0H845",
            "db.internal:5432:shop:app:[REDACTED]",
        ),
        spares: "10.0.0.1:5432:open:tcp:postgres",
    },
    Rule {
        id: "call-argument",
        literals: &[
            "mysqli_connect(",
            "mysqli->__construct(",
            "pdo->__construct(",
            "real_connect(",
            "ftp_login(",
            "imap_open(",
            "ldap_bind(",
            "ssh2_auth_password(",
        ],
        shape: token(
            Before::Any,
            concat!(
                "(?i:mysqli_connect|mysqli->__construct|pdo->__construct|real_connect|ftp_login|imap_open|ldap_bind|ssh2_auth_password)",
                "\\((?:(?:'[^'\\n]{0,256}'|[A-Za-z0-9_ #]{1,64}(?:\\([^)\\n]{0,64}\\))?), ){2}'",
            ),
            "[^'\\r\\n]+",
        )
        .all(),
        changes: (
            "#0 /srv/db.php(12): PDO->__construct('mysql:host=db', 'app', 'hunter 2')",
            "#0 /srv/db.php(12): PDO->__construct('mysql:host=db', 'app', '[REDACTED]')",
        ),
        spares: "#0 /srv/db.php(12): mysqli_connect('db', 'app', Object(SensitiveParameterValue))",
    },
    Rule {
        id: "url-user-token",
        literals: &["://"],
        shape: token(
            Before::Any,
            "://",
            "[A-Za-z0-9_.~+-]{16,}:x-oauth-basic@",
        )
        .followed(15)
        .only(shape::has_digit),
        changes: (
            "https://0123456789abcdef0123:x-oauth-basic@git.example.com/x",
            "https://[REDACTED]:x-oauth-basic@git.example.com/x",
        ),
        spares: "https://bob-and-his-sister-alice:@git.example.com/x",
    },
    Rule {
        id: "code-parameter",
        literals: &[
            "?code=", "&code=", "?sid=", "&sid=", "?auth=", "&auth=", "?state=", "&state=", "?ticket=", "&ticket=", "?hmac=", "&hmac=",
            "?invite=", "&invite=", "/hooks/", "/webhook/", "/webhooks/", "/invite/", "/join/", "/reset-password/", "/password/reset/",
            "/verify-email/", "/magic-link/", "/activate/", "/confirm/", " -p ", " -u ", " --user ", " --auth ", "<<< ",
        ],
        shape: token(
            Before::Any,
            concat!(
                "[?&][a-z]+=|/(?:hooks|webhooks?|invite|join|reset-password|password/reset|verify-email|magic-link|activate|confirm)/",
                "|[ \\t]-p[ \\t]+['\"]?|[ \\t](?:-u|--user|--auth)[ \\t]+['\"]?[^\\s:'\"/]{1,64}:|<<< ['\"]?",
            ),
            "[A-Za-z0-9._~%/+-]{12,}=*",
        )
        .only(shape::is_made_up),
        changes: (
            "GET /callback?code=Rd3Qv3O0H845qBJ6FqjqEDJp&page=2",
            "GET /callback?code=[REDACTED]&page=2",
        ),
        spares: "GET /x?code=invalid_request&state=ready",
    },
];
