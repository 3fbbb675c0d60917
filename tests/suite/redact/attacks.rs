//! Forms in which programs and proxies write a secret that simple rules miss. Each test checks that the secret is
//! hidden, that the text around it is kept, and that the result is stable.

use serde_json::Value;
use serde_json::json;
use vmlog::record::Level;
use vmlog::record::Record;
use vmlog::record::Source;
use vmlog::redact::RedactOptions;
use vmlog::redact::Redactor;
use vmlog::time::Micros;

/// No 8 consecutive characters of this may remain.
const SECRET: &str = "s3cr3tVALUE9zqXw";

fn redactor() -> Redactor {
    Redactor::new(&RedactOptions::default()).unwrap()
}

fn record(message: &str, metadata: &Value) -> Record {
    Record {
        timestamp: Micros::new(1),
        source: Source::new("docker", "web"),
        level: Level::Info,
        message: message.to_owned(),
        metadata: metadata.as_object().unwrap().clone().into(),
    }
}

fn holds_a_part(text: &str, secret: &str) -> bool {
    let parts = secret.as_bytes().windows(8);
    parts.into_iter().any(|part| {
        let part = std::str::from_utf8(part).unwrap();
        text.contains(part)
    })
}

/// Texts with `%S` for the secret. The part after `~~` must remain.
const TEXTS: &[&str] = &[
    // Encodings of quotes and signs by proxies and encoders.
    r"body {\x22user\x22:\x22bob\x22,\x22password\x22:\x22%S\x22,\x22n\x22:1} ok~~\x22n\x22:1} ok",
    r"body {\x22password\x22: \x22a\x5C\x22%S\x22}",
    r"body {\x22token\x22:%S}",
    r#"POST "password\x22:\x22%S" 200 17~~" 200 17"#,
    r"GET /q?filter=%7B%22password%22%3A%22%S%22%7D HTTP/1.1~~ HTTP/1.1",
    r"GET /q?f=%7B%22token%22:%22%S%22%7D&page=2 HTTP/1.1~~&page=2 HTTP/1.1",
    r#"{"msg":"login password\u003d%S done"}~~done"}"#,
    r#"{"msg":"q?a\u003d1\u0026token\u003d%S"}"#,
    r#"{"msg":"{\u0022password\u0022:\u0022%S\u0022}"}"#,
    "<td>{&quot;password&quot;:&quot;%S&quot;}</td>~~</td>",
    "<td>&#34;token&#34;: &#34;%S&#34;</td>~~</td>",
    // Colours.
    "\u{1b}[01;31m\u{1b}[Kpassword\u{1b}[m\u{1b}[K=%S",
    "#033[3mtoken#033[0m#033[2m=#033[0m%S x~~ x",
    r#"{"msg":"\u001b[3mtoken\u001b[0m\u001b[2m=\u001b[0m%S"}"#,
    "\u{1b}[34;1m\"password\"\u{1b}[0m\u{1b}[1;39m:\u{1b}[0m \u{1b}[0;32m\"%S\"\u{1b}[0m",
    // URLs.
    r#"{"url":"https:\/\/bob:%S@git.example.com\/x.git"}~~@git.example.com\/x.git"}"#,
    "next=https%3A%2F%2Fbob%3A%S%40git.example.com%2Fx~~%40git.example.com%2Fx",
    "next=https%3a%2f%2fbob:%S@git.example.com/x~~@git.example.com/x",
    "fetch jdbc:postgresql://db/shop?user=bob&password=%S",
    "curl --data 'user=bob&pass=%S' https://x",
    "GET /app;jsessionid=%S HTTP/1.1",
    // Headers.
    "Authorization: Bot %S",
    "Authorization: SSWS %S next~~ next",
    "authorization: GenieKey %S",
    "Authorization: Splunk %S",
    "Authorization: Bearer 12|%S",
    "Bearer 12|%S and on~~ and on",
    "Cookie: a=\"x\"; sid=%S",
    "Cookie: a=[x]; sid=%S",
    "> Cookie: sid=[%S",
    "Set-Cookie: sid=[%S]; Path=/~~; Path=/",
    // Commands.
    "sshpass -p%S ssh host~~ ssh host",
    "sshpass -p'%S' ssh host~~ ssh host",
    "unzip -P %S a.zip~~ a.zip",
    "7z x -p%S a.7z~~ a.7z",
    "docker login -u bob -p=%S registry.example.com~~ registry.example.com",
    "curl -b session=%S https://x",
    "kubectl create secret generic db --from-literal=pg=%S -n shop~~ -n shop",
    "htpasswd -nb bob %S",
    "lftp -u bob,%S sftp://x",
    "sqlcmd -S db -U sa -P %S -Q x~~ -Q x",
    "echo 'root:%S' | chpasswd~~' | chpasswd",
    // SQL.
    "CREATE USER bob IDENTIFIED BY '%S' x~~ x",
    "ALTER USER bob IDENTIFIED WITH mysql_native_password BY '%S';",
    "SET PASSWORD FOR bob = PASSWORD('%S')",
    "INSERT INTO users (name, email, password) VALUES ('bob', 'bob@example.com', '%S');~~');",
    "INSERT INTO `accounts` (`id`,`login`,`api_key`) VALUES (7,'bob','%S'), (8,'ann','%S')~~')",
    "insert into settings (key, value) values ('theme', 'dark'), ('smtp_password', '%S')~~')",
    r#"{"query":"INSERT INTO "t" ("id", "access_token") VALUES (12, '%S')"}~~')"}"#,
    "UPDATE settings SET value = '%S' WHERE key = 'smtp_password'~~' WHERE key = 'smtp_password'",
    "UPDATE settings SET value='%S' WHERE `name`='db.password';~~' WHERE `name`='db.password';",
    // Audit records.
    r#"argc=5 a0="mysql" a1="-u" a2="root" a3="-p%S" a4="shop"~~ a4="shop""#,
    r#"argc=4 a0="sshpass" a1="-p" a2="%S" a3="ssh"~~ a3="ssh""#,
    r#"argc=4 a0="app" a1="--password" a2="%S" a3="-v"~~ a3="-v""#,
    r#"argc=4 a0="curl" a1="-u" a2="bob:%S" a3="https://x"~~ a3="https://x""#,
    r#"argc=4 a0="redis-cli" a1="-a" a2="%S" a3="ping"~~ a3="ping""#,
    r#"argc=6 a0="snmpwalk" a1="-v3" a2="-A" a3="%S" a4="-X" a5="%S""#,
    // More commands, also of Windows.
    "snmpwalk -v3 -u bob -a SHA -A %S -x AES -X %S 192.0.2.1~~ 192.0.2.1",
    "net user bob %S /add~~ /add",
    r"net use \\srv\share %S /user:bob~~ /user:bob",
    r"net use Z: \\srv\share /user:CORPob %S",
    "xfreerdp /u:bob /p:%S /v:192.0.2.1~~ /v:192.0.2.1",
    "rdesktop -u bob -p %S 192.0.2.1~~ 192.0.2.1",
    "mcrcon -H 127.0.0.1 -p %S list~~ list",
    "rcon -H 127.0.0.1 -P %S list~~ list",
    "schtasks /create /tn x /ru bob /rp %S /f~~ /f",
    "evil-winrm -i 192.0.2.1 -u bob -p '%S'",
    "winexe -U 'CORP/bob%%S' //192.0.2.1 'cmd'~~ 'cmd'",
    "slappasswd -s %S",
    "kadmin.local -q 'addprinc -pw %S bob@EXAMPLE.COM'~~ bob@EXAMPLE.COM'",
    "wpa_passphrase HomeNet %S",
    "consul agent -encrypt=%S",
    "echo %S | sudo -H -S true~~ | sudo -H -S true",
    "ldap_default_authtok = %S",
    "BWS_ACCESS_TOKEN=0.ec2c1d46-6a4b-4751-a310-af9601317f2d.%S:X8vbvA0bduihIDe/qrzIQQ==",
    "Login incorrect: [bob/%S] (from client ap port 0)~~] (from client ap port 0)",
    // Sentences.
    "A temporary password is generated for root@localhost: %S",
    "Your password is %S",
    "the admin password was set to %S",
    "Default admin credentials: admin / %S",
    "Login with admin:%S",
    // Arguments of tools.
    "secretsdump.py corp/bob:%S@192.0.2.5",
    "impacket-psexec CORP/Administrator:%S@db1 whoami~~ whoami",
    "crackmapexec smb 192.0.2.5 -u bob -p %S",
    "hydra -l bob -p %S ssh://192.0.2.5~~ ssh://192.0.2.5",
    "echo -n %S | cryptsetup open /dev/sda x --key-file -",
    // Names.
    "user=bob pass=%S ip=1~~ ip=1",
    r#"{"pass":"%S"}"#,
    "password1=%S&password2=%S",
    r#"{"password_confirmation":"%S"}"#,
    "secret_id: %S",
    "    client-key-data: %S",
    "psk=%S",
    r#"{"SecretString":"%S"}"#,
    "auth_tokens=%S",
    r#"[{"key":"DB_PASSWORD","value":"%S"}]"#,
];

#[test]
fn secrets_are_found_in_every_form() {
    let redactor = redactor();
    let mut faults = vec![];
    for text in TEXTS {
        let (text, rest) = text.split_once("~~").unwrap_or((text, ""));
        let line = text.replace("%S", SECRET);
        let scrubbed = redactor.redact_text(&line);
        if holds_a_part(&scrubbed, SECRET) {
            faults.push(format!("left: {line}\n  => {scrubbed}"));
        }
        if !scrubbed.ends_with(rest) {
            faults.push(format!("lost {rest:?}: {line}\n  => {scrubbed}"));
        }
        if redactor.redact_text(&scrubbed) != scrubbed {
            faults.push(format!("unstable: {line}\n  => {scrubbed}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Keys of vendors: their start, and an invented rest.
const KEYS: &[&str] = &[
    "nvapi-AbCdEfGhIjKlMnOpQrStUvWx0123456789AbCdEfGhIjKlMnOpQrStUvWx0123",
    "SWMTKN-1-49nj1cmql0jkz5s954yi3oex3nedyz0fb0xx14ie39trti4wxv-8vxv8rssmk743ojnwacrr2e7c",
    "sbp_0123456789abcdef0123456789abcdef01234567",
    "pscale_tkn_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
    "AKCp5AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKlMnOpQrStUvWxYz0123456",
    "CCIPAT_AbCdEfGh0123456789_0123456789abcdef0123456789abcdef01234567",
    "nfp_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
    "bkua_0123456789abcdef0123456789abcdef01234567",
    "ATBBAbCdEfGhIjKlMnOpQrStUvWx01234567",
    "dt0c01.ST2EY72KQINMH574WMNVI7YN.G3DFPBEJYMODIDAEX454M7YWBUVEFOWKPRVMWFASS64NFH52PX6BNDVFFM572RZM",
    "xkeysib-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef-AbCdEfGhIjKlMnOp",
    "lsv2_pt_0123456789abcdef0123456789abcdef_0123456789",
    "e2b_0123456789abcdef0123456789abcdef01234567",
    "tvly-AbCdEfGhIjKlMnOpQrStUvWxYz012345",
    "pcsk_AbCdE_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKlMnOpQrSt",
    "shpca_0123456789abcdef0123456789abcdef",
    "phx_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfG",
    "1//0gAbCdEfGhIjKlCgYIARAAGBASNwF-L9IrAbCdEfGhIjKlMnOpQrStUvWx",
    // No digit at all, as in one of 500 tokens.
    "ghp_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGhIj",
    "npm_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGhIj",
    // A secret key next to its access key.
    "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AKIAIOSFODNN7EXAMPLE,wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    // Base64 of -----BEGIN RSA PRIVATE KEY-----, and of another kind.
    "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFcEFJQkFBS0NBUUVBcjBnMmJYSm1WSjFMazR3UTBo",
    "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1IY0NBUUVFSUJZckIweVBRcnVKVnpHc3ZkUHRSQk9tRjJq",
];

#[test]
fn keys_of_vendors_are_recognised_by_their_start() {
    let redactor = redactor();
    let mut faults = vec![];
    for key in KEYS {
        for line in [
            format!("using {key} now"),
            format!("x=\"{key}\""),
            (*key).to_owned(),
        ] {
            let scrubbed = redactor.redact_text(&line);
            // The start of an encoded key only shows that it is one.
            let rest = key
                .get(if key.starts_with("LS0t") { 32 } else { 12 }..)
                .unwrap();
            if holds_a_part(&scrubbed, rest) {
                faults.push(format!("{line}\n  => {scrubbed}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn secrets_in_metadata_are_found() {
    use base64::Engine as _;
    let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let mut redactor = redactor();
    for metadata in [
        json!({"authorization": SECRET}),
        json!({"Authorization": ["Bot s3cr3tVALUE9zqXw"]}),
        json!({"http": {"request.header.authorization": "Bearer 1|s3cr3tVALUE9zqXw"}}),
        json!({"env": [{"key": "DB_PASSWORD", "value": SECRET}]}),
        json!({"env": [{"Key": "DB_PASSWORD", "Value": SECRET}]}),
        json!({"parameters": [{"ParameterKey": "Password", "ParameterValue": SECRET}]}),
        json!({"binary_base64": encoded("\u{0}password=s3cr3tVALUE9zqXw\u{0}")}),
        json!({"binary_base64": ["AA==", encoded("\u{0}password=s3cr3tVALUE9zqXw\u{0}")]}),
        json!({"password_base64": encoded(SECRET)}),
        json!({"pass": SECRET, "passed": 7}),
    ] {
        let after = redactor.redact(record("x", &metadata)).into_record();
        let text = serde_json::to_string(&after.metadata).unwrap();
        assert!(!holds_a_part(&text, SECRET), "{text}");
        assert!(!holds_a_part(&text, &encoded(SECRET)[2..18]), "{text}");
        for value in after.metadata.values() {
            let texts = value.as_array().cloned().unwrap_or(vec![value.clone()]);
            for text in texts.iter().filter_map(Value::as_str) {
                let raw = base64::engine::general_purpose::STANDARD.decode(text);
                let raw = raw.unwrap_or_default();
                assert!(
                    !holds_a_part(&String::from_utf8_lossy(&raw), SECRET),
                    "{text}"
                );
            }
        }
        assert!(after.metadata["redacted"].is_array(), "{text}");
        let again = redactor.redact(after.clone()).into_record();
        assert_eq!(again, after);
    }
}

#[test]
fn keys_that_become_equal_take_linear_time_and_memory() {
    // With a character appended for each existing key, these took gigabytes and hours.
    const KEYS: usize = 50_000;
    let keys = (0..KEYS).map(|number| (format!("password=a{number}"), json!(number)));
    let object: serde_json::Map<_, _> = keys.collect();
    let mut redactor = redactor();
    for metadata in [
        Value::Object(object.clone()),
        json!({"inner": object, "password=[REDACTED]": 1}),
    ] {
        let before = metadata.to_string().len();
        let after = redactor.redact(record("hello", &metadata));
        let again = redactor.redact(after.clone().into_record());
        assert!(after == again, "twice is once");
        let text = serde_json::to_string(&after.record().metadata).unwrap();
        assert!(text.len() < 2 * before, "{} of {before}", text.len());
        assert_eq!(text.matches("password=[REDACTED]").count() / KEYS, 1);
        assert!(!text.contains("password=a"));
    }
}

#[test]
fn raw_lines_of_a_key_over_records_are_hidden_too() {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let line = "MIIEpAIBAAKCAQEAr0g2bXJmVJ1Lk4wQ0h0J5m3b8YjqWZ1cQe7n5s0dY2vT9a6X";
    let mut redactor = redactor();
    let begin = "\u{fffd} -----BEGIN RSA PRIVATE KEY-----";
    let _ = redactor.redact(record(begin, &json!({})));
    let raw = [b"\xff ", line.as_bytes()].concat();
    let after = redactor.redact(record(
        &format!("\u{fffd} {line}"),
        &json!({"message_base64": engine.encode(&raw)}),
    ));
    let kept = after.record().metadata["message_base64"].as_str().unwrap();
    let kept = engine.decode(kept).unwrap();
    let kept = String::from_utf8_lossy(&kept);
    assert!(!holds_a_part(&kept, line), "{kept}");
    assert!(kept.contains("[REDACTED]"), "{kept}");
}

#[test]
fn a_secret_cut_between_the_parts_of_a_line_is_hidden_in_both() {
    let texts = [
        format!("x token={SECRET} y"),
        format!("x \"password\":\"{SECRET} {SECRET}\" y"),
        format!("x Bearer {SECRET} y"),
        "x ghp_16C7e42F292c6912E7710c838347Ae178B4a y".to_owned(),
        "x https://bob:s3cr3tVALUE9zqXw@host/ y".to_owned(),
    ];
    let fresh = redactor();
    for text in &texts {
        for cut in 1..text.len() {
            let mut redactor = fresh.clone();
            let (first, second) = text.split_at(cut);
            let parts = [
                record(first, &json!({"line_part": 1, "line_incomplete": true})),
                record(second, &json!({"line_part": 2})),
                record(second, &json!({})),
            ];
            let [first, second, _] = parts.map(|part| redactor.redact(part).into_record().message);
            let joined = format!("{first}{second}");
            for secret in [SECRET, "16C7e42F292c6912E7710c838347Ae178B4a"] {
                let found = [&first, &second]
                    .into_iter()
                    .any(|part| holds_a_part(part, secret));
                assert!(!found, "cut at {cut}: {first:?} {second:?}");
            }
            assert!(joined.ends_with(&text[text.len().min(cut.max(text.len() - 1))..]));
        }
    }
}

#[test]
fn a_secret_over_any_mark_of_a_long_line_is_hidden() {
    let token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    let fresh = redactor();
    for mark in [4 << 10, 16 << 10] {
        for text in [format!("token={SECRET} y"), format!("{token} y")] {
            for before in 0..=text.len() {
                let line = format!(
                    "{}{text}{}",
                    "x ".repeat((mark - before) / 2),
                    "z ".repeat(9)
                );
                let whole = fresh.redact_text(&line);
                // The same line, split at the mark as by a collector.
                let (first, second) = line.split_at(mark.min(line.len()));
                let mut redactor = fresh.clone();
                let marks = [
                    json!({"line_part": 1, "line_incomplete": true}),
                    json!({"line_part": 2}),
                ];
                let parts = [first, second]
                    .into_iter()
                    .zip(&marks)
                    .map(|(part, marks)| {
                        redactor.redact(record(part, marks)).into_record().message
                    });
                for left in parts.chain([whole.into_owned()]) {
                    for secret in [SECRET, &token["ghp_".len()..]] {
                        assert!(!holds_a_part(&left, secret), "{mark} - {before}: {left}");
                    }
                }
            }
        }
    }
}

/// Lines that mention secrets but contain none, and must be unchanged.
const HARMLESS: &[&str] = &[
    "tests: pass=12 fail=3 skip=0",
    "-[Engine writeRecord:from:key:at:ofKind:] Hashing of the primary key failed",
    "into registry key '{bf1a281b}/config/SYSTEM' from path",
    "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE n = 2",
    "FOREIGN KEY (user_id) REFERENCES users (id), PRIMARY KEY (id)",
    "ALTER USER bob PASSWORD EXPIRE NEVER",
    r#"{"pass":12,"fail":0}"#,
    "pass: 12, fail: 0",
    "no_proxy bypass=localhost,127.0.0.1",
    "compass=north",
    "password is required",
    "your password is incorrect",
    "the password was changed",
    "the user's password is about to expire",
    "prompt_tokens=123 completion_tokens=45",
    "Authorization: failed for user bob",
    "authorization: denied by policy 12",
    "identified by uuid 3f2b8a301c6e",
    "logged in as bob via keyboard-interactive",
    "zip -r out.zip .",
    "7z a -mx9 out.7z dir",
    "sqlcmd -S db -Q 'select 1'",
    "echo done | chpasswd --help",
    "curl -b cookies.txt https://x",
    "at %22the end%22 of 100%",
    "&quot;token&quot; was bad",
    "GET /tokens?page=2 HTTP/1.1",
    "the bearer of this",
    "sbp_is_a_prefix nfp_short e2b_sandbox_started",
    "see https://host/a//b and http://[::1]:80/",
    r"path C:\\x22\\y",
    "authorization: rbac",
    "authorization: webhook",
    r#""password": {"type": "string", "minLength": 8, "description": "The password of the user"}"#,
    r#"{"properties":{"password":{"type":"string","format":"password"},"token":{"type":"string"}}}"#,
    "        bearer.auth.token = [hidden]",
    "You set the environment variable ALLOW_EMPTY_PASSWORD=yes.",
    r#"MountVolume.SetUp failed for volume "x" : secret "sa-token-x2k" not found"#,
    "Got message type=method_return destination=:1.24 cookie=12 reply_cookie=7 error=n/a",
    "Can't locate revision identified by 'fe7656c21eaa'",
    "INSERT INTO users (name, password) VALUES (?, ?)",
    "INSERT INTO users (name, password) VALUES ($1, $2) RETURNING id",
    "INSERT INTO keys (id, sort_key) VALUES (7, 'created_at')",
    "UPDATE settings SET value = 'dark' WHERE key = 'theme'",
    "SELECT password FROM users WHERE name = 'password'",
    r"net use Z: \\srv\share",
    "net user bob /domain",
    "xfreerdp /v:192.0.2.1 /u:bob /port:3389",
    r#"argc=4 a0="mkdir" a1="-p" a2="/srv/mysql" a3="x""#,
    r#"argc=4 a0="docker" a1="run" a2="-p" a3="80:80""#,
    "Login OK: [bob/<via Auth-Type = EAP>] (from client ap port 0)",
    "the values (a, b) are where the key is",
    "check_ntlm_password: sam authentication for user [bob] FAILED with error NT_STATUS_WRONG_PASSWORD",
    r#"MountVolume.SetUp failed for volume "app-secret" : secret "app-secret" not found"#,
    r#"MountVolume.SetUp failed for volume "db-password" : configmap "x" not found"#,
    r#"{"password":["This field is required."]}"#,
    r#"{"errors":{"password":["can't be blank","is too short (minimum is 8 characters)"]}}"#,
    "Importing GPG key 0x8483C65D:",
    "psexec.py -k -no-pass corp/bob@db1",
    "psql -h db1 --no-password shop1x",
    "last login: 2026/02/17 from 192.0.2.5, login with http://localhost:8080/admin",
    r#"rclone mount --password-command "pass show rclone" remote: /mnt"#,
];

#[test]
fn texts_that_only_resemble_secrets_are_kept() {
    let redactor = redactor();
    let mut faults = vec![];
    for line in HARMLESS {
        let scrubbed = redactor.redact_text(line);
        if scrubbed != *line {
            faults.push(format!("{line}\n  => {scrubbed}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
