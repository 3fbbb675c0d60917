//! Problems that one record cannot show: bursts, loops, and sources that went silent. They are found while records are collected,
//! with a small state for each source, so that they are marked and indexed like all others and a query reads no counts. The
//! state is not kept over a restart: it builds up again within minutes.

use crate::record::{Level, Metadata, Record, Source};
use crate::time::Micros;
use crate::triage::detect::fields::{SILENT_EVENT, SILENT_SOURCE};
use crate::triage::detect::record::sign;
use crate::triage::detect::rhythm::{Rhythm, SILENT_MIN};
use crate::triage::detect::sign::{DetectedProblem, PROBLEM, PROBLEM_SUBJECT, Sign};
use crate::triage::kind::ProblemKind as K;
use foldhash::fast::RandomState;
use serde_json::Value;
use std::collections::HashMap;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

/// Things whose repetitions are counted; beyond this all counts begin anew.
const REPEATED_MAX: usize = 1_000;
/// Sources that are watched; beyond this new ones are not.
const SOURCES_MAX: usize = 4_096;

/// Repetitions are counted within this time.
const REPEATED_WITHIN: i64 = 10 * MINUTE;
const LOGINS_MIN: u32 = 10;
const CONTAINER_ENDS_MIN: u32 = 5;

/// Errors of a source in one minute that can be a burst.
const BURST_MIN: u32 = 30;
/// How many times as many as usual they must be.
const BURST_FACTOR: f32 = 10.0;
/// The share of the newest minute in the usual number of errors.
const BURST_SHARE: f32 = 0.1;
/// A source has one burst in this time at most.
const BURST_EVERY: i64 = 10 * MINUTE;

/// A record that is older than this when it arrives says nothing of silence.
const LIVE_WITHIN: i64 = MINUTE;
/// If nobody looked for silent sources for this long, the machine slept or its clock was set: silence is counted anew.
const ASLEEP_MIN: i64 = 2 * MINUTE;

/// Marks records as they are collected.
#[derive(Debug, Default)]
pub struct ProblemWatch {
    repeated: HashMap<(K, String), Repetitions, RandomState>,
    sources: HashMap<Source, SourceState, RandomState>,
    /// Whom the kernel said that it kills: the process, and the owner of its control group.
    victim: Option<(String, String)>,
    /// The boot whose clock was set.
    set_boot: Option<String>,
    /// When silent sources were last looked for, and since when without a break.
    looked: Option<Micros>,
    awake_since: Option<Micros>,
}

#[derive(Debug, Clone, Copy)]
struct Repetitions {
    since: Micros,
    count: u32,
}

/// What is known of a source.
#[derive(Debug, Clone)]
struct SourceState {
    /// The minute in which errors are counted, and how many there are.
    minute: i64,
    errors: u32,
    /// Errors in a usual minute.
    usual: f32,
    burst_at: Option<Micros>,
    /// When records came that arrived as they were written.
    rhythm: Option<Box<Rhythm>>,
    /// It ended in good order, or was reported.
    is_at_rest: bool,
    /// The container that logs it.
    container: Option<Box<str>>,
}

impl SourceState {
    fn new(minute: i64) -> Self {
        Self {
            minute,
            errors: 0,
            usual: 0.0,
            burst_at: None,
            rhythm: None,
            is_at_rest: false,
            container: None,
        }
    }
}

/// A source that logged regularly and stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilentSource {
    /// Which one.
    pub source: Source,
    /// Its last record.
    pub last: Micros,
    /// The longest pause between its records before that.
    pub pause_micros: i64,
}

impl SilentSource {
    /// What a record about it says: its event, text and metadata.
    #[must_use]
    pub fn report(&self, now: Micros) -> (&'static str, String, Metadata) {
        let source = self.source.as_str();
        let minutes = now.get().saturating_sub(self.last.get()) / MINUTE;
        let pause = (self.pause_micros / SECOND).max(1);
        let text = format!(
            "{source} has logged nothing for {minutes} minutes; before, it was never silent for more than {pause} s"
        );
        let mut metadata = Metadata::new();
        metadata.insert(SILENT_SOURCE, source);
        metadata.insert("last_record", self.last.to_string());
        (SILENT_EVENT, text, metadata)
    }
}

impl ProblemWatch {
    /// Marks a record that reports a problem, by itself or with those before it. `now` is the time of its arrival.
    pub fn mark(&mut self, record: &mut Record, now: Micros) {
        // fields of these names from a program must not look like ours
        for (key, other) in [
            (PROBLEM, "field_problem"),
            (PROBLEM_SUBJECT, "field_problem_subject"),
        ] {
            if let Some(own) = record.metadata.remove(key) {
                record.metadata.insert(other, own);
            }
        }
        let found = self.problem(record);
        let burst = self.observe(record, now);
        let Some(DetectedProblem { kind, subject }) = found.or(burst) else {
            return;
        };
        record.metadata.insert(PROBLEM, kind.as_str());
        if let Some(subject) = subject {
            record.metadata.insert(PROBLEM_SUBJECT, subject);
        }
    }

    fn problem(&mut self, record: &Record) -> Option<DetectedProblem> {
        let sign = sign(record)?;
        if let Sign::Problem(problem) | Sign::Repeated(problem) = &sign {
            self.end_container(problem.subject.as_deref());
        }
        match sign {
            Sign::Problem(problem) => Some(self.of_victim(problem, &record.message)),
            Sign::Repeated(problem) => self.repeat(problem, record.timestamp),
            Sign::OomVictim { pid, owner } => {
                self.victim = owner.map(|owner| (pid, owner));
                None
            }
            Sign::TimeSet => self.time_set(record),
        }
    }

    /// A container that has ended, for whatever reason, is silent from now on.
    fn end_container(&mut self, subject: Option<&str>) {
        let Some(ended) = subject.and_then(|subject| subject.strip_prefix("container ")) else {
            return;
        };
        for state in self.sources.values_mut() {
            let container = state.container.as_deref();
            state.is_at_rest |= container.is_some_and(|id| id.starts_with(ended));
        }
    }

    /// The kernel names the control group one line before the process.
    fn of_victim(&mut self, problem: DetectedProblem, message: &str) -> DetectedProblem {
        if problem.kind != K::OomKill {
            return problem;
        }
        let is_named = |(pid, _): &(String, String)| message.contains(&format!("process {pid} "));
        match self.victim.take_if(|victim| is_named(victim)) {
            Some((_, owner)) => DetectedProblem::new(K::OomKill, owner),
            None => problem,
        }
    }

    /// Counts a repetition. The one that makes it a problem is marked, and the count begins anew.
    fn repeat(&mut self, problem: DetectedProblem, time: Micros) -> Option<DetectedProblem> {
        let least = match problem.kind {
            K::LoginFailures => LOGINS_MIN,
            _ => CONTAINER_ENDS_MIN,
        };
        if self.repeated.len() >= REPEATED_MAX {
            self.repeated.clear();
        }
        let key = (problem.kind, problem.subject.clone().unwrap_or_default());
        let new = Repetitions {
            since: time,
            count: 0,
        };
        let counted = self.repeated.entry(key).or_insert(new);
        if time.get().saturating_sub(counted.since.get()) > REPEATED_WITHIN {
            *counted = new;
        }
        counted.count = counted.count.saturating_add(1);
        // one mark in each span of time
        (counted.count == least).then_some(problem)
    }

    /// The first time after a boot, the clock is set from the network.
    fn time_set(&mut self, record: &Record) -> Option<DetectedProblem> {
        let boot = record.metadata.get("boot_id")?.as_str()?;
        if self.set_boot.as_deref() == Some(boot) {
            return Some(DetectedProblem::new(K::TimeJump, None));
        }
        self.set_boot = Some(boot.to_owned());
        None
    }

    /// Counts a record for its source, and finds a burst of errors.
    fn observe(&mut self, record: &Record, now: Micros) -> Option<DetectedProblem> {
        let time = record.timestamp;
        let minute = time.get() / MINUTE;
        let is_full = self.sources.len() >= SOURCES_MAX;
        let Some(state) = self.sources.get_mut(&record.source) else {
            if !is_full {
                let mut state = SourceState::new(minute);
                state.live(record, now);
                self.sources.insert(record.source.clone(), state);
            }
            return None;
        };
        state.live(record, now);
        let is_counted = record.level == Level::Error
            && !record.metadata.contains_key("continues")
            && !record.metadata.contains_key("run_id");
        if !is_counted {
            return None;
        }
        let is_burst = state.error(time, minute);
        is_burst.then(|| DetectedProblem::new(K::ErrorBurst, record.source.as_str().to_owned()))
    }

    /// The sources that logged regularly and are silent now; each is reported once, until it logs again.
    pub fn silent(&mut self, now: Micros) -> Vec<SilentSource> {
        let looked = self.looked.replace(now);
        let passed = looked.map_or(i64::MAX, |looked| now.get().saturating_sub(looked.get()));
        if !(0..ASLEEP_MIN).contains(&passed) {
            self.awake_since = Some(now);
        }
        let awake_since = self.awake_since.unwrap_or(now);
        let states = self.sources.iter_mut();
        let silent = states.filter_map(|(source, state)| {
            let rhythm = state.rhythm.as_ref()?;
            let since = rhythm.last().max(awake_since);
            let silence = now.get().saturating_sub(since.get());
            // cheap, and no for almost all
            if state.is_at_rest || silence < SILENT_MIN {
                return None;
            }
            let is_due = rhythm.silent_after().is_some_and(|limit| silence >= limit);
            is_due.then(|| {
                let silent = SilentSource {
                    source: source.clone(),
                    last: rhythm.last(),
                    pause_micros: rhythm.longest_pause(),
                };
                state.is_at_rest = true;
                silent
            })
        });
        silent.collect()
    }
}

impl SourceState {
    fn live(&mut self, record: &Record, now: Micros) {
        let time = record.timestamp;
        if now.get().saturating_sub(time.get()).abs() > LIVE_WITHIN {
            return;
        }
        match &mut self.rhythm {
            Some(rhythm) => rhythm.add(time),
            None => self.rhythm = Some(Box::new(Rhythm::new(time))),
        }
        if self.container.is_none() {
            let id = record.metadata.get("container_id").and_then(Value::as_str);
            self.container = id.map(Box::from);
        }
        self.is_at_rest = is_end(record);
    }

    /// Counts an error; whether it makes a burst.
    fn error(&mut self, time: Micros, minute: i64) -> bool {
        if minute != self.minute {
            let passed = minute.saturating_sub(self.minute).clamp(1, 1_000);
            #[expect(clippy::cast_precision_loss, reason = "a count of a minute")]
            let errors = self.errors as f32;
            self.usual += (errors - self.usual) * BURST_SHARE;
            // minutes without an error are usual, too
            for _ in 1..passed {
                self.usual *= 1.0 - BURST_SHARE;
            }
            (self.minute, self.errors) = (minute, 0);
        }
        self.errors = self.errors.saturating_add(1);
        #[expect(clippy::cast_precision_loss, reason = "a count of a minute")]
        let is_many =
            self.errors >= BURST_MIN && self.errors as f32 >= self.usual.max(0.1) * BURST_FACTOR;
        let rests = |at: Micros| time.get().saturating_sub(at.get()).abs() < BURST_EVERY;
        if !is_many || self.burst_at.is_some_and(rests) {
            return false;
        }
        self.burst_at = Some(time);
        true
    }
}

/// Whether a source says that it ends: systemd stopped the unit, or the command has ended.
fn is_end(record: &Record) -> bool {
    let metadata = &record.metadata;
    if metadata
        .get("event_type")
        .is_some_and(|event| event == "process_end")
    {
        return true;
    }
    if !metadata.contains_key("about_unit") && !metadata.contains_key("about_user_unit") {
        return false;
    }
    let starts = [
        "Stopped ",
        "Stopping ",
        "Deactivated ",
        "Closed ",
        "Removed ",
    ];
    let message = record.message.as_str();
    starts.iter().any(|start| message.starts_with(start))
        || message.contains(": Deactivated successfully")
        || message.contains(": Consumed ")
        || message.contains("Failed with result '")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::detect::record::tests::record;

    const START: i64 = 1_771_338_600_000_000;

    fn at(columns: &[&str], seconds: i64) -> Record {
        let mut record = record(columns);
        record.timestamp = Micros::new(START + seconds * SECOND);
        record
    }

    fn marked(watch: &mut ProblemWatch, mut record: Record) -> Option<String> {
        let now = record.timestamp;
        watch.mark(&mut record, now);
        let problem = record.metadata.get(PROBLEM)?.as_str()?.to_owned();
        let subject = record.metadata.get(PROBLEM_SUBJECT);
        let subject = subject.and_then(|subject| subject.as_str());
        Some(format!("{problem} {}", subject.unwrap_or_default()))
    }

    #[test]
    fn fields_of_programs_do_not_look_like_marks() {
        let mut forged = record(&[
            "docker:web",
            "problem=kernel_panic;problem_subject=x",
            "info",
            "x",
        ]);
        ProblemWatch::default().mark(&mut forged, Micros::new(START));
        assert!(!forged.metadata.contains_key(PROBLEM));
        assert_eq!(forged.metadata["field_problem"], "kernel_panic");
        assert_eq!(forged.metadata["field_problem_subject"], "x");
    }

    #[test]
    fn failed_logins_are_a_problem_when_they_are_many() {
        let failed = [
            "system:ssh",
            "identifier=sshd",
            "info",
            "Failed password for root from 1.2.3.4 port 5 ssh2",
        ];
        let mut watch = ProblemWatch::default();
        let marks = |watch: &mut ProblemWatch, every: i64| {
            let records = (0..40).map(|index| at(&failed, index * every));
            records.filter_map(|record| marked(watch, record)).count()
        };
        assert_eq!(marks(&mut watch, 120), 0, "one in two minutes");
        let mut watch = ProblemWatch::default();
        assert_eq!(marks(&mut watch, 5), 1, "one mark for each ten minutes");
    }

    #[test]
    fn a_container_that_ends_again_and_again_is_in_a_loop() {
        let ended = [
            "system:docker",
            "identifier=dockerd",
            "info",
            "time=\"2026-02-17T14:30:15Z\" level=info msg=\"ignoring event\" container=0123456789abcdef0123 module=libcontainerd namespace=moby topic=/tasks/delete type=\"*events.TaskDelete\"",
        ];
        let mut watch = ProblemWatch::default();
        let marks: Vec<_> = (0..8)
            .map(|index| marked(&mut watch, at(&ended, index * 20)))
            .collect();
        let expected = Some("container_restart_loop container 0123456789ab".to_owned());
        assert_eq!(marks.iter().flatten().count(), 1);
        assert_eq!(marks[4], expected);
    }

    #[test]
    fn the_victim_of_the_kernel_is_named_by_its_unit() {
        let named = [
            "system:kernel",
            "transport=kernel",
            "info",
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/app.service,task_memcg=/system.slice/app.service,task=java,pid=4711,uid=0",
        ];
        let killed = |pid: u32| {
            format!("Memory cgroup out of memory: Killed process {pid} (java) total-vm:1kB")
        };
        let mut watch = ProblemWatch::default();
        assert_eq!(marked(&mut watch, at(&named, 0)), None);
        let line = killed(4711);
        let line = ["system:kernel", "transport=kernel", "error", line.as_str()];
        assert_eq!(
            marked(&mut watch, at(&line, 0)).as_deref(),
            Some("oom_kill app.service")
        );
        assert_eq!(
            marked(&mut watch, at(&line, 1)).as_deref(),
            Some("oom_kill java")
        );
    }

    #[test]
    fn kernel_and_manager_name_the_same_owner_of_what_was_killed() {
        let id = "0123456789abcdef".repeat(4);
        let scopes = [
            (format!("docker-{id}.scope"), "container 0123456789ab"),
            ("session-3.scope".to_owned(), "session-3.scope"),
            ("app.service".to_owned(), "app.service"),
        ];
        for (unit, owner) in scopes {
            let lines = [
                format!(
                    "oom-kill:constraint=CONSTRAINT_NONE,global_oom,task_memcg=/a.slice/{unit},task=node,pid=4711,uid=0"
                ),
                "Out of memory: Killed process 4711 (node) total-vm:1kB".to_owned(),
                format!("{unit}: A process of this unit has been killed by the OOM killer."),
                format!("{unit}: Failed with result 'oom-kill'."),
            ];
            let mut watch = ProblemWatch::default();
            let about = format!("identifier=systemd;pid=1;about_unit={unit}");
            let marks: Vec<_> = (0..lines.len())
                .map(|index| {
                    let speaker = match index {
                        0 | 1 => ["system:kernel", "transport=kernel"],
                        _ => ["system:systemd", &about],
                    };
                    let line = [speaker[0], speaker[1], "error", lines[index].as_str()];
                    marked(&mut watch, at(&line, 0))
                })
                .collect();
            let expected = Some(format!("oom_kill {owner}"));
            assert_eq!(marks[0], None);
            assert!(
                marks.iter().skip(1).all(|mark| *mark == expected),
                "{marks:?}"
            );
        }
    }

    #[test]
    fn only_the_second_time_change_of_a_boot_is_a_jump() {
        let set = [
            "system:systemd",
            "message_id=c7a787079b354eaaa9e77b371893cd27;boot_id=b1",
            "info",
            "Time has been changed",
        ];
        let mut watch = ProblemWatch::default();
        assert_eq!(marked(&mut watch, at(&set, 0)), None);
        assert_eq!(
            marked(&mut watch, at(&set, 60)).as_deref(),
            Some("time_jump ")
        );
    }

    #[test]
    fn a_burst_is_measured_against_the_usual_errors() {
        let error = ["docker:web", "", "error", "upstream timed out"];
        let minute = |watch: &mut ProblemWatch, number: i64, errors: i64| {
            let records =
                (0..errors).map(|index| at(&error, number * 60 + index * 60 / errors.max(1)));
            records.filter_map(|record| marked(watch, record)).count()
        };
        let mut noisy = ProblemWatch::default();
        let marks: usize = (0..60).map(|number| minute(&mut noisy, number, 25)).sum();
        assert_eq!(marks, 0, "25 errors a minute, always");
        assert_eq!(minute(&mut noisy, 60, 60), 0, "twice as many");
        assert_eq!(minute(&mut noisy, 61, 400), 1, "16 times as many");
        let mut quiet = ProblemWatch::default();
        assert_eq!(
            (0..60)
                .map(|number| minute(&mut quiet, number, 1))
                .sum::<usize>(),
            0
        );
        assert_eq!(minute(&mut quiet, 60, 40), 1);
        let frames = ["docker:web", "continues=true", "error", "  at x"];
        assert_eq!(
            (0..100)
                .filter_map(|i| marked(&mut quiet, at(&frames, 9_000 + i / 10)))
                .count(),
            0
        );
    }

    /// A line every ten seconds.
    fn tick(watch: &mut ProblemWatch, count: i64) {
        let line = [
            "docker:web",
            "container_id=0123456789abcdef",
            "info",
            "tick",
        ];
        for index in 0..count {
            assert_eq!(marked(watch, at(&line, index * 10)), None);
        }
    }

    /// The sources that are found silent within these seconds, looked for as maintenance does.
    fn looked(watch: &mut ProblemWatch, seconds: std::ops::Range<i64>) -> Vec<SilentSource> {
        let times = seconds.step_by(20);
        let found = times.flat_map(|time| watch.silent(Micros::new(START + time * SECOND)));
        found.collect()
    }

    #[test]
    fn a_container_that_was_stopped_and_a_machine_that_slept_are_not_silent() {
        let ended = [
            "system:docker",
            "identifier=dockerd",
            "info",
            "time=\"2026-02-17T14:30:15Z\" level=info msg=\"ignoring event\" container=0123456789abcdef module=libcontainerd namespace=moby topic=/tasks/delete type=\"*events.TaskDelete\"",
        ];
        let mut watch = ProblemWatch::default();
        tick(&mut watch, 400);
        marked(&mut watch, at(&ended, 4_001));
        assert!(looked(&mut watch, 4_000..9_000).is_empty());

        let mut watch = ProblemWatch::default();
        tick(&mut watch, 400);
        assert!(looked(&mut watch, 3_000..4_000).is_empty());
        // nobody looked for two hours, and the source has not logged yet
        assert!(looked(&mut watch, 11_200..11_700).is_empty());
        assert_eq!(looked(&mut watch, 11_700..11_900).len(), 1);
    }

    #[test]
    fn a_regular_source_that_stops_is_silent_once() {
        let now = |seconds: i64| Micros::new(START + seconds * SECOND);
        let mut watch = ProblemWatch::default();
        tick(&mut watch, 400);
        assert!(
            looked(&mut watch, 4_000..4_500).is_empty(),
            "500 s of silence"
        );
        let silent = looked(&mut watch, 4_500..4_700);
        assert_eq!(silent.len(), 1);
        assert_eq!(silent[0].source.as_str(), "docker:web");
        assert!(
            looked(&mut watch, 4_700..9_000).is_empty(),
            "reported already"
        );
        let (event, text, metadata) = silent[0].report(now(4_700));
        assert_eq!(
            text,
            "docker:web has logged nothing for 11 minutes; before, it was never silent for more than 10 s"
        );
        let mut report = record(&["system:vmlog", "", "warn", &text]);
        report.metadata = metadata;
        report.metadata.insert("event_type", event);
        watch.mark(&mut report, now(4_700));
        assert_eq!(report.metadata[PROBLEM], "source_silent");
        assert_eq!(report.metadata[PROBLEM_SUBJECT], "docker:web");
    }

    #[test]
    fn a_source_with_pauses_or_an_end_is_not_silent() {
        let line = ["system:backup", "", "info", "tick"];
        let about = "about_unit=backup.service";
        let stopped = ["system:backup", about, "info", "Stopped backup.service"];
        let later = Micros::new(START + 50_000 * SECOND);
        let (mut pauses, mut ended, mut old) =
            <(ProblemWatch, ProblemWatch, ProblemWatch)>::default();
        for index in 0..400 {
            // a job every two hours
            marked(&mut pauses, at(&line, index / 50 * 7_200 + index));
            marked(&mut ended, at(&line, index * 10));
            old.mark(&mut at(&line, index * 10), later);
        }
        marked(&mut ended, at(&stopped, 4_000));
        assert!(looked(&mut pauses, 50_400..140_000).is_empty());
        assert!(looked(&mut ended, 4_000..60_000).is_empty());
        assert!(
            looked(&mut old, 50_000..60_000).is_empty(),
            "read from a file long after it was written"
        );
    }
}
