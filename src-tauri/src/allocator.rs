//! How the C library hands out memory.
//!
//! By default each thread gets an arena of its own, up to eight for each processor, and none gives back what it once
//! needed: over 100,000 parts that alone let the process's own pages grow by 9 percent on two processors, and the more
//! processors, the more. The threads of the station allocate little at a time, and each keeps its last few pieces for
//! itself anyway.

/// `bench/memory.py` reads it here.
const MOST_ARENAS: libc::c_int = 2;

/// Lets all threads share a few arenas, where nothing else was asked for. Must be called before this program starts a
/// thread.
#[allow(
    unsafe_code,
    reason = "see SAFETY; the environment is read before main, and a second start would load WebKit twice"
)]
pub fn share_arenas() {
    if std::env::var_os("MALLOC_ARENA_MAX").is_some() {
        return;
    }
    // SAFETY: the function is unsafe because it is C's. It takes the lock of the main arena, so it may only not race
    // another call of its own, and nobody else calls it: `main` does, once, before it starts a thread. JavaScriptCore's,
    // which was started when it was loaded, has an allocator of its own. Refused (0), all is as it was.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, MOST_ARENAS) };
}
