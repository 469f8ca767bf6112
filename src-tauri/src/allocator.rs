//! How the C library hands out memory.
//!
//! By default each thread gets an arena of its own, up to eight for each processor, and none gives back what it once
//! needed: over 100,000 parts that alone let the process grow by 9 percent, and the more processors, the more. The
//! threads of the station allocate little at a time, and each keeps its last few pieces for itself anyway.

const MOST_ARENAS: libc::c_int = 2;

/// Lets all threads share a few arenas. Must be called before this program starts a thread.
#[allow(
    unsafe_code,
    reason = "see SAFETY; the environment is read before main, and a second start would load WebKit twice"
)]
pub fn share_arenas() {
    // SAFETY: a number is set and no memory is touched; no other thread of ours allocates meanwhile.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, MOST_ARENAS) };
}
