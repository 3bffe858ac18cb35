//! Connections, and the layout of the file with its upgrades.

use super::{Error, PATIENCE, medium};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};
use std::path::Path;

/// `PRAGMA user_version` of the layout in [`super`].
const LAYOUT: i64 = 3;

const ROWS: &str = "CREATE TABLE rows(tbl TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, \
                    PRIMARY KEY(tbl, key)) WITHOUT ROWID;";
/// New in layout 2; layout 1 had the rows alone.
const GROUPS: &str = "CREATE TABLE groups(tbl TEXT NOT NULL, grp BLOB NOT NULL, key BLOB NOT NULL, \
                      PRIMARY KEY(tbl, grp, key)) WITHOUT ROWID; \
                      CREATE INDEX members ON groups(tbl, key);";

/// New in layout 3: the ring of the store's keys, empty until the key in its file is replaced.
const KEYRING: &str = "CREATE TABLE keyring(generation INTEGER PRIMARY KEY NOT NULL, \
                       sealed BLOB NOT NULL);";

/// Opens the file that is there; an empty one becomes a store, an older one is upgraded.
pub(super) fn connect(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(path, flags).map_err(medium)?;
    connection.busy_timeout(PATIENCE).map_err(medium)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(medium)?;
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(medium)?;
    if mode != "wal" {
        return Err(Error::Medium("the file system does not allow write-ahead logging".into()));
    }
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; \
             PRAGMA trusted_schema = OFF; PRAGMA wal_autocheckpoint = 256;",
        )
        .map_err(medium)?;
    if version(&connection)? != LAYOUT {
        upgrade(&mut connection)?;
    }
    Ok(connection)
}

fn version(connection: &Connection) -> Result<i64, Error> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(medium)
}

/// All of it, or nothing; another process may have been faster.
fn upgrade(connection: &mut Connection) -> Result<(), Error> {
    let change =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(medium)?;
    let tables: i64 = change
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(medium)?;
    let steps = match (version(&change)?, tables) {
        (LAYOUT, _) => String::new(),
        (0, 0) => format!("{ROWS} {GROUPS} {KEYRING}"),
        (1, _) => format!("{GROUPS} {KEYRING}"),
        (2, _) => KEYRING.to_owned(),
        (other, _) => return Err(Error::Damaged(format!("its layout is number {other}"))),
    };
    change.execute_batch(&format!("{steps} PRAGMA user_version = {LAYOUT};")).map_err(medium)?;
    change.commit().map_err(medium)
}

/// Reads the whole file: pages, order of keys, members without a row.
pub(super) fn check(connection: &Connection) -> Result<(), Error> {
    let sound: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(medium)?;
    if sound != "ok" {
        return Err(Error::Damaged("its integrity check fails".into()));
    }
    let lost: i64 = connection
        .query_row(
            "SELECT count(*) FROM groups AS member WHERE NOT EXISTS \
             (SELECT 1 FROM rows WHERE rows.tbl = member.tbl AND rows.key = member.key)",
            [],
            |row| row.get(0),
        )
        .map_err(medium)?;
    if lost == 0 { Ok(()) } else { Err(Error::Damaged(format!("{lost} rows are missing"))) }
}
