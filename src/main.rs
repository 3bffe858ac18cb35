//! The program `wardcard`.

use std::{alloc::System, process::ExitCode};
use zeroizing_alloc::ZeroAlloc;

/// Every block of the heap is erased when it is given back: what a library copied on its way is
/// not found in the memory afterwards.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    wardcard::cli::main()
}
