//! Processor time of child processes.
//!
//! Wall time is what a user waits for, but on a busy machine it says more about the other processes.
//! The system adds up the processor time of children that have been waited for; the difference across
//! one run is that run's, as long as runs don't overlap.

use std::time::Duration;

/// User and system time of all children that have ended, or `None` where the system doesn't tell.
#[cfg(unix)]
pub fn finished_children() -> Option<Duration> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is valid for a write of one `rusage`, which is all the call does with it.
    let status = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()) };
    if status != 0 {
        return None;
    }
    // SAFETY: all-zero is a valid `rusage`, and the call has filled it besides.
    let usage = unsafe { usage.assume_init() };
    Some(duration(usage.ru_utime)? + duration(usage.ru_stime)?)
}

/// User and system time of all children that have ended, or `None` where the system doesn't tell.
#[cfg(not(unix))]
pub fn finished_children() -> Option<Duration> {
    None
}

#[cfg(unix)]
fn duration(time: libc::timeval) -> Option<Duration> {
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let micros = u64::try_from(time.tv_usec).ok()?;
    Some(Duration::from_secs(seconds) + Duration::from_micros(micros))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn children_add_up() {
        let before = finished_children().unwrap();
        let status = Command::new("/bin/sh")
            .args(["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"])
            .status()
            .unwrap();
        assert!(status.success());
        assert!(finished_children().unwrap() > before);
    }
}
