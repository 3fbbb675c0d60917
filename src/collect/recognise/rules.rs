//! The rules of recognition by name, and which of them a source uses. `format-spec/recognition.md` lists each rule
//! with an example that matches and one that does not; a test compares the list with this file.

/// Defines the rules with the names that users write.
macro_rules! rules {
    ($($rule:ident = $name:literal),* $(,)?) => {
        /// One form that is recognised.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Rule {
            $(#[doc = concat!("`", $name, "`")] $rule),*
        }

        impl Rule {
            /// All rules, in the order of the specification.
            pub(crate) const ALL: &[Self] = &[$(Self::$rule),*];

            /// The name in settings and in the specification.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name),*
                }
            }
        }
    };
}

rules! {
    Json = "json",
    Logfmt = "logfmt",
    SyslogPriority = "syslog-priority",
    SyslogFacility = "syslog-facility",
    Klog = "klog",
    Letter = "letter",
    Redis = "redis",
    Bracket = "bracket",
    Capitals = "capitals",
    FirstWord = "first-word",
    ProgramWord = "program-word",
    Tabbed = "tabbed",
    PythonLogging = "python-logging",
    Celery = "celery",
    Compiler = "compiler",
    Apt = "apt",
    Make = "make",
    Cmake = "cmake",
    Curl = "curl",
    DockerClient = "docker-client",
    Logrus = "logrus",
    Exclamation = "exclamation",
    Glib = "glib",
    Xorg = "xorg",
    Erlang = "erlang",
    Mssql = "mssql",
    Php = "php",
    LanguageWarning = "language-warning",
    Exception = "exception",
    Panic = "panic",
    Kernel = "kernel",
    TestFailure = "test-failure",
    Channel = "channel",
    Systemd = "systemd",
    BuildTool = "build-tool",
    Linter = "linter",
    Client = "client",
    Ansible = "ansible",
    Annotation = "annotation",
    Symbol = "symbol",
    Bars = "bars",
    Ceph = "ceph",
    Exim = "exim",
    Django = "django",
    Database = "database",
    Script = "script",
    Tool = "tool",
    Failure = "failure",
    Continued = "continued",
    Time = "time",
}

/// The rules that one source uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RuleSet(u64);

impl RuleSet {
    /// Every rule.
    pub(crate) const ALL: Self = Self(u64::MAX);

    /// One rule.
    pub(crate) const fn only(rule: Rule) -> Self {
        Self(1 << rule as u32)
    }

    /// Whether no rule is used.
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `rule` is used.
    pub(crate) const fn has(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u32) != 0
    }

    /// The same rules without `rule`.
    #[must_use]
    pub(crate) const fn without(self, rule: Rule) -> Self {
        Self(self.0 & !(1 << rule as u32))
    }
}

/// One entry of the setting that switches rules off: a rule for all sources, or `SOURCE=RULE` with `*` in either part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    source: String,
    /// `None` for every rule.
    rule: Option<Rule>,
}

impl std::str::FromStr for Disabled {
    type Err = UnknownRule;

    fn from_str(text: &str) -> Result<Self, UnknownRule> {
        let (source, rule) = text.rsplit_once('=').unwrap_or(("*", text));
        let known = Rule::ALL.iter().find(|known| known.name() == rule);
        match known {
            Some(&known) => Ok(Self {
                source: source.to_owned(),
                rule: Some(known),
            }),
            None if rule == "*" || rule == "all" => Ok(Self {
                source: source.to_owned(),
                rule: None,
            }),
            None => Err(UnknownRule(rule.to_owned())),
        }
    }
}

/// The name of a rule that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRule(String);

impl std::fmt::Display for UnknownRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "there is no recognition rule `{}`; the rules are all",
            self.0
        )?;
        for rule in Rule::ALL {
            write!(f, ", {}", rule.name())?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownRule {}

impl Disabled {
    /// Removes from `rules` those that this entry disables for `source`.
    fn apply(&self, source: &str, rules: RuleSet) -> RuleSet {
        if !matches(&self.source, source) {
            return rules;
        }
        self.rule.map_or(RuleSet(0), |rule| rules.without(rule))
    }
}

/// The rules that `source` uses if `disabled` are switched off.
pub(crate) fn rules_of(source: &str, disabled: &[Disabled]) -> RuleSet {
    disabled
        .iter()
        .fold(RuleSet::ALL, |rules, entry| entry.apply(source, rules))
}

/// Whether `pattern` matches `source`; a `*` at its end matches any text.
fn matches(pattern: &str, source: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => source.starts_with(prefix),
        None => pattern == source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_fits_into_a_set_and_has_a_name_of_its_own() {
        assert!(Rule::ALL.len() <= 64);
        let mut names: Vec<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rule::ALL.len());
    }

    #[test]
    fn rules_are_switched_off_for_one_source_or_for_all() {
        let disabled: Vec<Disabled> = ["file:app=capitals", "docker:*=all", "apt"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let app = rules_of("file:app", &disabled);
        assert!(!app.has(Rule::Capitals) && !app.has(Rule::Apt) && app.has(Rule::Json));
        assert!(rules_of("file:other", &disabled).has(Rule::Capitals));
        assert_eq!(rules_of("docker:web", &disabled), RuleSet(0));
    }

    #[test]
    fn an_unknown_rule_is_refused_with_the_known_ones() {
        let error = "file:app=capitls".parse::<Disabled>().unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(
                "there is no recognition rule `capitls`; the rules are all, json, logfmt,"
            ),
            "{text}"
        );
    }
}
