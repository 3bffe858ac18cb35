//! Pages that are locked in memory, left out of cores and wiped in a forked child, in cells of 64
//! bytes; ordinary memory, counted, where the limit on locked memory is reached.
//!
//! ```text
//! region  | mark | cell | cell | cell | ...          16 KiB, never given back
//! region  | mark | one long value         |          its own size, given back with it
//! ```
//!
//! The mark is not zero; a child finds it zero because the kernel wiped the region at the fork, and
//! then takes neither bytes nor room from it.
#![allow(unsafe_code)]

#[cfg_attr(unix, path = "pages/unix.rs")]
#[cfg_attr(windows, path = "pages/windows.rs")]
mod system;

use super::PerProcess;
use std::{
    ptr::NonNull,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use zeroize::{Zeroize, Zeroizing};

const CELL: usize = 64;
const REGION: usize = 16 * 1024;
const CELLS: usize = REGION / CELL;
const MARK: u8 = 0xA5;

/// A child has one of its own: its parent's may have been locked at the fork.
static ARENA: PerProcess<Mutex<Arena>> = PerProcess::new(Mutex::default, |_| {});
static UNLOCKED: AtomicU64 = AtomicU64::new(0);
static LOCKED_BYTES: AtomicU64 = AtomicU64::new(0);

/// How much of the secrets' memory is locked, for `wardcard doctor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockedMemory {
    /// Bytes of locked pages that secrets lie in.
    pub locked_bytes: u64,
    /// How many secrets found no locked memory since the process began.
    pub unlocked_secrets: u64,
}

/// How much of the secrets' memory is locked.
pub fn locked_memory() -> LockedMemory {
    LockedMemory {
        locked_bytes: LOCKED_BYTES.load(Ordering::Relaxed),
        unlocked_secrets: UNLOCKED.load(Ordering::Relaxed),
    }
}

/// Room for one secret, erased on drop.
pub(super) struct Block(Place);

enum Place {
    /// Cells of a shared region, or a region of its own.
    Locked { mark: NonNull<u8>, start: NonNull<u8>, length: usize, own: bool },
    /// Ordinary memory.
    Heap(Zeroizing<Box<[u8]>>),
}

// SAFETY: the cells belong to this value alone until it is dropped, and are changed through `&mut`
// only.
unsafe impl Send for Block {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Block {}

impl Block {
    /// `length` zero bytes.
    pub(super) fn zeroed(length: usize) -> Self {
        let cells = length.div_ceil(CELL);
        let place = match cells {
            0 => None,
            1..CELLS => arena().take(cells).map(|(mark, start)| (mark, start, false)),
            _ => region(length.saturating_add(CELL)).map(|mark| (mark, cell(mark, 1), true)),
        };
        Self(match place {
            Some((mark, start, own)) => Place::Locked { mark, start, length, own },
            None => {
                if length > 0 {
                    UNLOCKED.fetch_add(1, Ordering::Relaxed);
                }
                Place::Heap(Zeroizing::new(vec![0; length].into_boxed_slice()))
            }
        })
    }

    /// The bytes; empty in a child of the process that made them.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Place::Locked { mark, start, length, .. } if marked(*mark) => {
                // SAFETY: `start` is valid for `length` bytes of its region, which stays mapped as
                // long as this value lives; nobody else has these cells.
                unsafe { std::slice::from_raw_parts(start.as_ptr(), *length) }
            }
            Place::Locked { .. } => &[],
            Place::Heap(bytes) => bytes,
        }
    }

    /// The bytes, to be written.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Place::Locked { start, length, .. } => {
                // SAFETY: as in `bytes`, and `&mut self` makes this the only access.
                unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), *length) }
            }
            Place::Heap(bytes) => bytes,
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.bytes_mut().zeroize();
        if let Place::Locked { mark, start, length, own } = self.0 {
            if own {
                release(mark, length.saturating_add(CELL));
            } else {
                arena().give_back(mark, start, length.div_ceil(CELL));
            }
        }
    }
}

#[derive(Default)]
struct Arena {
    regions: Vec<Region>,
}

struct Region {
    mark: NonNull<u8>,
    used: [bool; CELLS],
}

// SAFETY: the pointer is only the address of a mapping that is never given back; what lies there
// belongs to the blocks.
unsafe impl Send for Region {}

impl Arena {
    /// Free neighbouring cells, in a new region if no other has them.
    fn take(&mut self, cells: usize) -> Option<(NonNull<u8>, NonNull<u8>)> {
        for region in &mut self.regions {
            if let Some(start) = region.take(cells) {
                return Some((region.mark, start));
            }
        }
        let mark = region(REGION)?;
        let mut used = [false; CELLS];
        used[0] = true;
        let mut fresh = Region { mark, used };
        let start = fresh.take(cells);
        self.regions.push(fresh);
        start.map(|start| (mark, start))
    }

    fn give_back(&mut self, mark: NonNull<u8>, start: NonNull<u8>, cells: usize) {
        let first = start.as_ptr().addr().saturating_sub(mark.as_ptr().addr()) / CELL;
        if let Some(region) = self.regions.iter_mut().find(|region| region.mark == mark) {
            region.used.iter_mut().skip(first).take(cells).for_each(|used| *used = false);
        }
    }
}

impl Region {
    fn take(&mut self, cells: usize) -> Option<NonNull<u8>> {
        if !marked(self.mark) {
            return None;
        }
        let first = self.used.windows(cells).position(|window| !window.contains(&true))?;
        self.used.iter_mut().skip(first).take(cells).for_each(|used| *used = true);
        Some(cell(self.mark, first))
    }
}

fn arena() -> MutexGuard<'static, Arena> {
    ARENA.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// The address of cell `number` of a region. `number` is less than the region's cells.
fn cell(mark: NonNull<u8>, number: usize) -> NonNull<u8> {
    // SAFETY: every caller stays below the number of cells of that region's mapping.
    unsafe { mark.add(number * CELL) }
}

/// Whether a region still holds what this process put there.
fn marked(mark: NonNull<u8>) -> bool {
    // SAFETY: the mark is the first byte of a mapping that outlives its blocks. Volatile, since the
    // kernel changes it behind the compiler's back at a fork.
    unsafe { mark.as_ptr().read_volatile() == MARK }
}

/// Maps, locks and marks a region; `None` if the system does not lock it.
fn region(length: usize) -> Option<NonNull<u8>> {
    let mark = system::locked(length)?;
    // SAFETY: the mapping is writable and at least one byte long.
    unsafe { mark.as_ptr().write_volatile(MARK) };
    LOCKED_BYTES.fetch_add(length as u64, Ordering::Relaxed);
    Some(mark)
}

fn release(mark: NonNull<u8>, length: usize) {
    system::give_back(mark, length);
    LOCKED_BYTES.fetch_sub(length as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(block: &Block) -> Option<usize> {
        match &block.0 {
            Place::Locked { start, .. } => Some(start.as_ptr().addr()),
            Place::Heap(_) => None,
        }
    }

    #[test]
    fn blocks_do_not_overlap_and_cells_are_used_again() {
        let mut arena = Arena { regions: Vec::new() };
        let (mark, first) = arena.take(1).unwrap();
        let (_, second) = arena.take(3).unwrap();
        let (_, third) = arena.take(1).unwrap();
        assert_eq!(first, cell(mark, 1));
        assert_eq!(second, cell(mark, 2));
        assert_eq!(third, cell(mark, 5));
        arena.give_back(mark, second, 3);
        assert_eq!(arena.take(4).unwrap().1, cell(mark, 6));
        assert_eq!(arena.take(3).unwrap().1, second);
        assert_eq!(arena.regions.len(), 1);
        let (other, _) = arena.take(CELLS - 1).unwrap();
        assert_ne!(other, mark);
    }

    #[test]
    fn a_wiped_region_gives_neither_bytes_nor_room() {
        let mut arena = Arena { regions: Vec::new() };
        let (mark, start) = arena.take(1).unwrap();
        let block = Block(Place::Locked { mark, start, length: 5, own: false });
        assert_eq!(block.bytes().len(), 5);
        // SAFETY: the first byte of a mapping that this test made.
        unsafe { mark.as_ptr().write_volatile(0) };
        assert!(block.bytes().is_empty());
        assert_ne!(arena.take(1).unwrap().0, mark);
        // Its cells are not the process's arena's.
        std::mem::forget(block);
    }

    #[test]
    fn erased_when_dropped() {
        let mut block = Block::zeroed(64);
        block.bytes_mut().fill(0x77);
        let Some(address) = start(&block) else { return };
        let Place::Locked { start, .. } = block.0 else { return };
        drop(block);
        assert_eq!(start.as_ptr().addr(), address);
        // SAFETY: regions of the arena stay mapped. Another test may have taken the cell meanwhile,
        // but none fills it with 0x77.
        let byte = unsafe { start.as_ptr().read_volatile() };
        assert_ne!(byte, 0x77);
    }

    #[test]
    fn a_long_block_has_pages_of_its_own() {
        let mut block = Block::zeroed(REGION * 2);
        block.bytes_mut().fill(1);
        assert_eq!(block.bytes().len(), REGION * 2);
        assert!(matches!(block.0, Place::Locked { own: true, .. } | Place::Heap(_)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn pages_are_locked_and_left_out_of_cores() {
        let block = Block::zeroed(10);
        let Some(address) = start(&block) else { return };
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut here = false;
        let mut flags = None;
        for line in maps.lines() {
            if let Some((from, rest)) = line.split_once('-')
                && let Ok(from) = usize::from_str_radix(from, 16)
                && let Some((to, _)) = rest.split_once(' ')
                && let Ok(to) = usize::from_str_radix(to, 16)
            {
                here = (from..to).contains(&address);
            } else if here && line.starts_with("VmFlags:") {
                flags = Some(line.to_owned());
            }
        }
        let flags = flags.unwrap();
        for flag in [" lo", " dd", " wf"] {
            assert!(flags.contains(flag), "{flags}");
        }
    }
}
