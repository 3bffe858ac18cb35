use super::{verify::Why, *};
use crate::clock::{ManualClock, Time};
use std::sync::atomic::{AtomicUsize, Ordering};

fn open_with(folder: &Path, after: AfterLoss, head: Option<Head>) -> Result<Log, Error> {
    let clock = Arc::new(ManualClock::new(Time::from_unix_seconds(1_800_000_000)));
    Log::open(folder, 1 << 20, after, head, clock, Box::new(|| {}))
}

fn open(folder: &Path) -> Log {
    open_with(folder, AfterLoss::Refuse, None).expect("opens")
}

fn write(log: &Log, count: u64) {
    for number in 0..count {
        log.append(&Entry::new("use").number("number", number)).expect("written");
    }
}

fn check(folder: &Path) -> Result<verify::Report, Box<verify::Fault>> {
    let mut files = Vec::new();
    for one in std::fs::read_dir(folder).unwrap() {
        let path = one.unwrap().path();
        if path.extension().is_some_and(|end| end == "jsonl") {
            files.push(path);
        }
    }
    verify::files(&files, None)
}

/// A log of five records, changed by `change` as lines.
fn changed(change: impl FnOnce(&mut Vec<String>)) -> Result<verify::Report, (u64, Why)> {
    let folder = tempfile::tempdir().unwrap();
    write(&open(folder.path()), 5);
    let path = folder.path().join(FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 5);
    change(&mut lines);
    std::fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>())
        .unwrap();
    check(folder.path()).map_err(|fault| (fault.line, fault.why))
}

#[test]
fn an_intact_log_verifies_and_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    write(&log, 3);
    drop(log);
    let log = open(folder.path());
    assert_eq!(log.head().seq, 3);
    write(&log, 2);
    let report = check(folder.path()).expect("intact");
    assert_eq!((report.records, report.first, report.head), (5, 1, Some(log.head())));
    assert_eq!(report.events.get("use"), Some(&5));
}

#[test]
fn an_altered_byte_is_found_wherever_it_is() {
    for (line, from, to) in
        [(1, "\"number\":0", "\"number\":9"), (3, "use", "usf"), (4, "2027", "2028")]
    {
        let found = changed(|lines| {
            let place = &mut lines[line - 1];
            assert!(place.contains(from));
            *place = place.replacen(from, to, 1);
        });
        assert_eq!(found.unwrap_err(), (line as u64, Why::Altered), "{from}");
    }
}

#[test]
fn every_single_flipped_bit_before_the_last_line_is_found() {
    let folder = tempfile::tempdir().unwrap();
    write(&open(folder.path()), 3);
    let path = folder.path().join(FILE);
    let bytes = std::fs::read(&path).unwrap();
    let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
    for place in 0..=last {
        let mut bad = bytes.clone();
        bad[place] ^= 1 << (place % 7);
        std::fs::write(&path, &bad).unwrap();
        assert!(check(folder.path()).is_err(), "byte {place}");
    }
}

#[test]
fn a_missing_line_is_found() {
    let found = changed(|lines| drop(lines.remove(2)));
    assert_eq!(found.unwrap_err(), (3, Why::Missing(3)));
}

#[test]
fn reordered_lines_are_found() {
    assert_eq!(changed(|lines| lines.swap(1, 2)).unwrap_err(), (2, Why::Reordered));
    assert_eq!(changed(|lines| lines.push(lines[1].clone())).unwrap_err(), (6, Why::Reordered));
}

#[test]
fn a_line_that_is_no_record_is_found() {
    assert_eq!(changed(|lines| lines[2] = "{}".to_owned()).unwrap_err(), (3, Why::Altered));
    assert_eq!(changed(|lines| lines[4] = "{}".to_owned()).unwrap_err(), (5, Why::Altered));
    assert_eq!(
        changed(|lines| lines.insert(2, "x".repeat(100_000))).unwrap_err(),
        (3, Why::Altered)
    );
}

#[test]
fn a_log_without_its_beginning_says_where_it_begins() {
    let report = changed(|lines| drop(lines.remove(0))).expect("a later part holds");
    assert_eq!(report.first, 2);
}

#[test]
fn a_first_record_with_a_predecessor_is_altered() {
    let zeros = "0".repeat(64);
    let found = changed(|lines| lines[0] = lines[0].replace(&zeros, &"1".repeat(64)));
    assert_eq!(found.unwrap_err(), (1, Why::Altered));
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_may_write_is_refused_and_one_that_they_may_read_is_not() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let at = |mode: u32| {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        open_with(folder.path(), AfterLoss::Refuse, None).map(drop)
    };
    for mode in [0o770, 0o757, 0o1777] {
        let refused = at(mode).unwrap_err().to_string();
        assert!(refused.contains("chmod go-rwx"), "{mode:o}: {refused}");
        assert!(!folder.path().join("audit.lock").exists());
    }
    at(0o750).unwrap();
}

#[test]
fn a_torn_line_is_told_and_marked_by_the_next_start() {
    for torn_off in [1, 10, 128] {
        let folder = tempfile::tempdir().unwrap();
        write(&open(folder.path()), 3);
        let path = folder.path().join(FILE);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - torn_off]).unwrap();
        assert_eq!(check(folder.path()).unwrap_err().why, Why::Torn);
        let log = open(folder.path());
        assert_eq!(log.head().seq, 3, "two whole lines and the mark");
        write(&log, 2);
        drop(log);
        let report = check(folder.path()).expect("the chain goes on");
        assert_eq!((report.torn, report.records), (1, 5));
        open(folder.path());
        let marked = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, marked.replacen("#\n", "##\n", 1)).unwrap();
        assert_eq!(check(folder.path()).unwrap_err().why, Why::Altered, "the torn line");
        let other = marked.replacen("\"event\":\"torn\"", "\"event\":\"use\"", 1);
        std::fs::write(&path, other).unwrap();
        assert_eq!(check(folder.path()).unwrap_err().why, Why::Altered, "its mark");
    }
}

#[test]
fn a_start_that_ended_before_its_mark_does_not_keep_the_next_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    write(&open(folder.path()), 3);
    let path = folder.path().join(FILE);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&bytes[..bytes.len() - 10], b"#\n"].concat()).unwrap();
    assert_eq!(check(folder.path()).unwrap_err().why, Why::Torn);
    let log = open(folder.path());
    write(&log, 1);
    drop(log);
    let report = check(folder.path()).expect("the chain goes on");
    assert_eq!((report.torn, report.records), (1, 4));
}

#[test]
fn cutting_off_the_end_shows_against_the_remembered_head() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    write(&log, 3);
    let head = log.sync().expect("synced").expect("there was something");
    drop(log);
    let path = folder.path().join(FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    let two: String = text.lines().take(2).map(|line| format!("{line}\n")).collect();
    std::fs::write(&path, &two).unwrap();
    assert!(check(folder.path()).is_ok(), "the chain alone does not show it");
    let fault = verify::files(std::slice::from_ref(&path), Some(head)).unwrap_err();
    assert_eq!(fault.why, Why::CutOff(3));
    let refused = open_with(folder.path(), AfterLoss::Refuse, Some(head));
    assert!(matches!(refused, Err(Error::Lost(lost)) if lost == head));
    std::fs::remove_file(&path).unwrap();
    let refused = open_with(folder.path(), AfterLoss::Refuse, Some(head));
    assert!(matches!(refused, Err(Error::Lost(lost)) if lost == head));
    let log = open_with(folder.path(), AfterLoss::Record, Some(head)).expect("goes on");
    write(&log, 1);
    assert_eq!(log.head().seq, 5, "the loss is record 4");
    assert_eq!(check(folder.path()).expect("holds").losses, 1);
}

#[test]
fn a_last_line_other_than_the_remembered_one_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    write(&log, 3);
    let head = log.head();
    drop(log);
    let path = folder.path().join(FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"number\":2", "\"number\":8")).unwrap();
    let fault = verify::files(std::slice::from_ref(&path), Some(head)).unwrap_err();
    assert_eq!((fault.line, fault.why), (3, Why::Altered));
    assert!(open_with(folder.path(), AfterLoss::Refuse, Some(head)).is_err());
}

#[test]
fn two_agents_never_share_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let second = open_with(folder.path(), AfterLoss::Refuse, None);
    assert!(matches!(second, Err(Error::InUse(_))));
    drop(log);
    open(folder.path());
}

#[test]
fn the_chain_goes_on_over_files() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Time::default()));
    let after = AfterLoss::Refuse;
    let log = Log::open(folder.path(), 500, after, None, clock.clone(), Box::new(|| {})).unwrap();
    write(&log, 20);
    let head = log.head();
    drop(log);
    let files = std::fs::read_dir(folder.path()).unwrap().count() - 1;
    assert!(files > 3, "{files}");
    assert_eq!(check(folder.path()).expect("holds").head, Some(head));
    let log =
        Log::open(folder.path(), 500, after, Some(head), clock.clone(), Box::new(|| {})).unwrap();
    write(&log, 3);
    drop(log);
    check(folder.path()).expect("holds");
    // A rotation that ended half way: the next file is not there yet.
    std::fs::rename(folder.path().join(FILE), folder.path().join(open::closed_name(1000))).unwrap();
    let log = Log::open(folder.path(), 500, after, Some(head), clock, Box::new(|| {})).unwrap();
    write(&log, 1);
    check(folder.path()).expect("holds");
    let second = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|one| one.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .min_by_key(|path| path.to_string_lossy().replace(FILE, "zzz"))
        .unwrap();
    let next = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|one| one.unwrap().path())
        .filter(|path| *path != second && path.extension().is_some_and(|end| end == "jsonl"))
        .min()
        .unwrap();
    assert_ne!(second, next);
    std::fs::remove_file(folder.path().join(next.file_name().unwrap())).unwrap();
    assert!(check(folder.path()).is_err(), "a file is missing in the middle");
}

#[test]
fn a_full_disk_refuses_the_record_and_leaves_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    write(&log, 1);
    let head = log.head();
    let kept = {
        let mut writer = log.writer();
        let full = File::options().append(true).open("/dev/full").unwrap();
        std::mem::replace(&mut writer.file, Arc::new(full))
    };
    assert!(log.append(&Entry::new("use")).is_err());
    assert!(log.append(&Entry::new("use")).is_err(), "and goes on refusing");
    assert_eq!(log.head(), head);
    log.writer().file = kept;
    write(&log, 1);
    assert_eq!(check(folder.path()).expect("holds").records, 2);
}

#[test]
fn only_the_first_record_after_a_sync_tells_that_there_is_something_to_sync() {
    let folder = tempfile::tempdir().unwrap();
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let on_dirty = Box::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let clock = Arc::new(ManualClock::default());
    let log = Log::open(folder.path(), 1 << 20, AfterLoss::Refuse, None, clock, on_dirty).unwrap();
    assert!(log.sync().unwrap().is_none());
    write(&log, 3);
    assert_eq!(told.load(Ordering::SeqCst), 1);
    assert_eq!(log.sync().unwrap(), Some(log.head()));
    assert!(log.sync().unwrap().is_none());
    write(&log, 1);
    assert_eq!(told.load(Ordering::SeqCst), 2);
}

#[test]
fn the_log_is_for_its_owner_alone() {
    use crate::secret::Access;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("audit");
    drop(open(&inner));
    for path in [&inner, &inner.join(FILE)] {
        assert!(Access::at(path).unwrap().is_private(), "{}", path.display());
    }
}

#[test]
fn a_head_comes_back_from_text_and_bytes() {
    let head = Head { seq: 70_000, hash: [0xc5; 32] };
    assert_eq!(Head::parse(&head.to_string()), Some(head));
    assert_eq!(Head::from_bytes(&head.to_bytes()), Some(head));
    for bad in ["", "1", "1:", ":00", "x:00", "1:zz"] {
        assert_eq!(Head::parse(bad), None, "{bad}");
    }
    assert_eq!(Head::from_bytes(&[0; 39]), None);
}
