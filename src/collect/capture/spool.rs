//! The collector of the spool: captures of users other than the server's. Each user has a folder of its own below one folder of
//! the server's user; its content is trusted only about that user.

use super::collector::{CaptureCollector, CaptureOptions};
use crate::capture::{FOREIGN_BYTES_MAX, FOREIGN_RUNS_MAX};
use crate::collect::collector::Batch;
use crate::collect::collector::Collector;
use crate::collect::collector::Error;
use crate::collect::own::own_record;
use crate::record::{Level, Metadata, Positions};
use rustix::fs::OFlags;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Maximum number of users whose folders are read: each costs a few descriptors and a check a second.
const USERS_MAX: usize = 64;

/// How often folders are checked. A user's folder may be replaced at any time, so it is polled rather than watched.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Collects the captures of other users.
#[derive(Debug)]
pub struct SpoolCollector {
    directory: PathBuf,
    options: CaptureOptions,
    /// The position of each run, for users whose folders appear later.
    positions: Positions,
    users: BTreeMap<u32, SpoolUser>,
    /// The last fault, so that it is reported once.
    reported: BTreeMap<String, String>,
    /// Users for whom runs are skipped, so that each is reported once.
    skipping: BTreeSet<u32>,
}

#[derive(Debug)]
struct SpoolUser {
    /// An open handle: paths through it lead into this folder, even if its name leads elsewhere by now.
    #[expect(dead_code, reason = "it is held open")]
    folder: File,
    inode: (u64, u64),
    collector: CaptureCollector,
}

impl SpoolCollector {
    /// Reads the users' folders below `directory`, with the bounds of `options` for each run. Continues from `positions`.
    #[must_use]
    pub fn open(directory: PathBuf, options: CaptureOptions, positions: &Positions) -> Self {
        Self {
            directory,
            options,
            positions: positions.clone(),
            users: BTreeMap::new(),
            reported: BTreeMap::new(),
            skipping: BTreeSet::new(),
        }
    }

    /// The folders of users, by their user IDs; empty if there is no spool.
    fn list(&self) -> io::Result<Vec<u32>> {
        let folder = match fs::symlink_metadata(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            folder => folder?,
        };
        let own = rustix::process::geteuid().as_raw();
        // A spool belongs to the machine's server; the server of another user must not read it.
        if !folder.is_dir() || folder.uid() != own {
            return Ok(Vec::new());
        }
        if folder.mode() & 0o022 != 0 && folder.mode() & 0o1000 == 0 {
            return Err(io::Error::other(
                "others may rename folders in it: its mode must be 1733",
            ));
        }
        let mut users = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let name = entry?.file_name();
            let user = name.to_str().and_then(|name| name.parse::<u32>().ok());
            users.extend(user.filter(|user| name.to_str() == Some(&*user.to_string())));
        }
        users.sort_unstable();
        Ok(users)
    }

    /// Opens the folder of a user, unless it is open and still the same.
    fn open_user(&mut self, uid: u32) -> io::Result<()> {
        let path = self.directory.join(uid.to_string());
        let folder = open_folder(&path, uid)?;
        let metadata = folder.metadata()?;
        let inode = (metadata.dev(), metadata.ino());
        if self.users.get(&uid).is_some_and(|user| user.inode == inode) {
            return Ok(());
        }
        let options = CaptureOptions {
            directory: PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())),
            ..self.options.clone()
        };
        let collector = CaptureCollector::of_user(options, uid, &self.positions);
        let user = SpoolUser {
            folder,
            inode,
            collector,
        };
        self.users.insert(uid, user);
        Ok(())
    }

    /// Reports once that the limits exclude runs of a user, and again after a time without any.
    fn report_skipped(&mut self, uid: u32, skipped: u64, batch: &mut Batch) {
        if skipped == 0 {
            self.skipping.remove(&uid);
            return;
        }
        if !self.skipping.insert(uid) {
            return;
        }
        let text = format!(
            "{skipped} capture logs of user {uid} are skipped: the newest {FOREIGN_RUNS_MAX} runs of a user are read, and {} MiB of them",
            FOREIGN_BYTES_MAX >> 20
        );
        let mut metadata = Metadata::new();
        metadata.insert("uid", uid);
        metadata.insert("count", skipped);
        let record = own_record(Level::Warn, "gap", text, metadata);
        batch.records.push(record);
    }

    /// Reports a problem once, and again when it changes.
    fn report(&mut self, what: String, problem: &str, batch: &mut Batch) {
        if self
            .reported
            .get(&what)
            .is_some_and(|known| known == problem)
        {
            return;
        }
        let text = format!("captures in {what} are not read: {problem}");
        batch
            .records
            .push(own_record(Level::Warn, "gap", text, Metadata::new()));
        self.reported.insert(what, problem.to_owned());
    }
}

impl Collector for SpoolCollector {
    fn name(&self) -> &'static str {
        "spool"
    }

    fn read(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let spool = self.directory.display().to_string();
        let users = match self.list() {
            Ok(users) => users,
            Err(error) => {
                self.report(spool, &error.to_string(), batch);
                return Ok(());
            }
        };
        if let Some(more) = users.len().checked_sub(USERS_MAX).filter(|more| *more > 0) {
            let problem = format!("{more} users more than {USERS_MAX} have folders there");
            self.report(spool.clone(), &problem, batch);
        }
        let users: Vec<u32> = users.into_iter().take(USERS_MAX).collect();
        self.users.retain(|uid, _| users.contains(uid));
        for uid in users {
            if let Err(error) = self.open_user(uid) {
                self.users.remove(&uid);
                self.report(format!("{spool}/{uid}"), &error.to_string(), batch);
                continue;
            }
            let Some(user) = self.users.get_mut(&uid) else {
                continue;
            };
            let read = user.collector.read(batch);
            let skipped = user.collector.skipped_logs();
            if let Err(error) = read {
                self.report(format!("{spool}/{uid}"), &error.to_string(), batch);
            }
            self.report_skipped(uid, skipped, batch);
        }
        for position in &batch.positions {
            match &position.value {
                Some(value) => {
                    self.positions
                        .insert(position.origin.clone(), value.clone());
                }
                None => drop(self.positions.remove(&position.origin)),
            }
        }
        Ok(())
    }

    fn wait(&mut self, timeout: Duration) {
        std::thread::sleep(timeout.min(LOOK_EVERY));
    }

    /// Nothing wakes it; without a user's folder there is nothing whose next line a client waits for.
    fn notices_late(&self) -> bool {
        !self.users.is_empty()
    }
}

/// Opens a user's folder; a link in its place is refused.
fn open_folder(path: &Path, uid: u32) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::DIRECTORY;
    let folder = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let metadata = folder.metadata()?;
    if metadata.uid() != uid {
        let text = format!("it belongs to user {}", metadata.uid());
        return Err(io::Error::other(text));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other(
            "others may write to it: its mode must be 0700",
        ));
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Folder, RunId};
    use crate::record::Record;
    use crate::time::Micros;
    use std::io::Write as _;
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};

    fn own() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    struct Spool {
        root: tempfile::TempDir,
        collector: SpoolCollector,
    }

    impl Spool {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let spool = root.path().join("spool");
            fs::DirBuilder::new().mode(0o700).create(&spool).unwrap();
            let options = CaptureOptions::new(&spool);
            let collector = SpoolCollector::open(spool, options, &Positions::new());
            Self { root, collector }
        }

        fn path(&self) -> PathBuf {
            self.root.path().join("spool")
        }

        fn user(&self) -> PathBuf {
            self.path().join(own().to_string())
        }

        fn read(&mut self) -> Vec<Record> {
            let mut batch = Batch::default();
            self.collector.read(&mut batch).unwrap();
            batch.records
        }
    }

    /// A run that says to be of the system's own source.
    fn write_run(folder: &Folder, run: RunId) {
        let mut file = folder.create_part(run, 1).unwrap();
        let time = Micros::new(1_771_338_615_000_000);
        let line = |stream: &str, data: &str, event: &str| {
            format!(
                "{{\"t\":\"{time}\",\"s\":\"{stream}\",\"d\":\"{data}\",\"id\":\"{run}\"{event}}}\n"
            )
        };
        let start = r#","event":{"type":"process_start","source":"system:sshd","name":"x","command":"x","cwd":"/","user":"root"}"#;
        file.write_all(line("system", "started", start).as_bytes())
            .unwrap();
        file.write_all(line("stdout", "hello\\n", "").as_bytes())
            .unwrap();
    }

    #[test]
    fn a_run_names_its_user_and_cannot_impersonate_another_source() {
        let mut spool = Spool::new();
        assert_eq!(spool.read().len(), 0);
        let run = RunId::new(Micros::new(1_771_338_615_000_000));
        write_run(&Folder::new(&spool.user()), run);
        let records = spool.read();
        let line = records
            .iter()
            .find(|record| record.message == "hello")
            .unwrap();
        assert!(
            line.source.as_str().starts_with("command"),
            "{}",
            line.source
        );
        assert_eq!(line.metadata.get("uid").unwrap(), own());
        let expected = format!("{run}.u{}", own());
        assert_eq!(line.metadata.get("run_id").unwrap(), &*expected);
        let reserved = records.iter().any(|record| record.source.is_reserved());
        assert!(!reserved, "{records:?}");
    }

    #[test]
    fn positions_of_users_are_separate_and_nothing_is_read_twice() {
        let mut spool = Spool::new();
        let run = RunId::new(Micros::new(1_771_338_615_000_000));
        write_run(&Folder::new(&spool.user()), run);
        let mut batch = Batch::default();
        while {
            let before = batch.records.len();
            spool.collector.read(&mut batch).unwrap();
            batch.records.len() > before
        } {}
        let origin = format!("spool:{}:{run}", own());
        assert!(
            batch
                .positions
                .iter()
                .all(|position| position.origin == origin)
        );
        let positions = batch.positions.iter();
        let positions = positions.filter_map(|one| Some((one.origin.clone(), one.value.clone()?)));
        let positions: Positions = positions.collect();
        let options = CaptureOptions::new(spool.path());
        let mut again = SpoolCollector::open(spool.path(), options, &positions);
        let mut batch = Batch::default();
        again.read(&mut batch).unwrap();
        assert!(batch.records.is_empty(), "{:?}", batch.records);
    }

    #[test]
    fn runs_beyond_the_bound_are_reported_once() {
        let mut spool = Spool::new();
        let folder = Folder::new(&spool.user());
        let time = |second: i64| Micros::new(1_771_338_615_000_000 + second * 1_000_000);
        let runs = i64::try_from(FOREIGN_RUNS_MAX).unwrap() + 2;
        for second in 0..runs {
            let _ = folder.create_part(RunId::new(time(second)), 1).unwrap();
        }
        let reports = |records: Vec<Record>| -> Vec<String> {
            let mine = records.into_iter();
            let mine = mine.filter(|record| record.message.contains("are skipped"));
            mine.map(|record| record.message).collect()
        };
        let expected = format!(
            "2 capture logs of user {} are skipped: the newest 200 runs of a user are read, and 512 MiB of them",
            own()
        );
        assert_eq!(reports(spool.read()), [expected]);
        assert!(reports(spool.read()).is_empty(), "it is reported once");
    }

    #[test]
    fn links_foreign_folders_and_hard_links_are_not_read() {
        let mut spool = Spool::new();
        let elsewhere = spool.root.path().join("elsewhere");
        let run = RunId::new(Micros::new(1_771_338_615_000_000));
        write_run(&Folder::new(&elsewhere), run);
        symlink(&elsewhere, spool.user()).unwrap();
        let records = spool.read();
        assert_eq!(records.len(), 1, "{records:?}");
        assert!(records[0].message.contains("are not read"), "{records:?}");
        assert!(spool.read().is_empty(), "it is reported once");
        fs::remove_file(spool.user()).unwrap();

        fs::DirBuilder::new()
            .mode(0o700)
            .create(spool.user())
            .unwrap();
        let part = fs::read_dir(&elsewhere).unwrap().next().unwrap().unwrap();
        fs::hard_link(part.path(), spool.user().join(part.file_name())).unwrap();
        let hello = spool
            .read()
            .into_iter()
            .any(|record| record.message == "hello");
        assert!(
            !hello,
            "a file with another name elsewhere may be anybody's"
        );

        let foreign = own().wrapping_add(1).to_string();
        fs::DirBuilder::new()
            .mode(0o700)
            .create(spool.path().join(foreign))
            .unwrap();
        let records = spool.read();
        let is_reported = |record: &Record| record.message.contains("it belongs to user");
        assert!(records.iter().any(is_reported), "{records:?}");
    }

    #[test]
    fn a_spool_in_which_others_may_rename_is_not_read() {
        let mut spool = Spool::new();
        fs::set_permissions(spool.path(), fs::Permissions::from_mode(0o733)).unwrap();
        let records = spool.read();
        assert!(
            records[0].message.contains("its mode must be 1733"),
            "{records:?}"
        );
        fs::set_permissions(spool.path(), fs::Permissions::from_mode(0o1733)).unwrap();
        assert!(spool.read().is_empty());
    }
}
