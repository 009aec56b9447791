//! Signals, of which only the command line knows: a closed output ends the
//! program quietly, and Ctrl-C in the interactive prompt stops the script and
//! not the prompt. Elsewhere than on Unix these functions do nothing.

#[cfg(unix)]
mod unix {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};
    use strata::runtime::limits::Interrupter;

    /// Ctrl-C was pressed and the script has not stopped yet.
    static PENDING: AtomicBool = AtomicBool::new(false);

    /// Status of a program that Ctrl-C ended.
    const INTERRUPTED: i32 = 130;

    /// A write found nobody at the other end. If that was standard output
    /// there is no point in going on; of any other the script is told.
    extern "C" fn on_closed_pipe(_: libc::c_int) {
        let mut out = libc::pollfd {
            fd: 1,
            events: libc::POLLOUT,
            revents: 0,
        };
        // SAFETY: `poll` and `_exit` may be called in a signal handler; `out`
        // is one valid entry, and the interrupted code's `errno` is restored.
        unsafe {
            let before = io::Error::last_os_error().raw_os_error().unwrap_or(0);
            if libc::poll(&raw mut out, 1, 0) > 0 && out.revents & libc::POLLERR != 0 {
                libc::_exit(0);
            }
            set_errno(before);
        }
    }

    /// Sets the calling thread's `errno`.
    ///
    /// # Safety
    /// None beyond what the system's accessor asks for, which is nothing.
    unsafe fn set_errno(value: i32) {
        // SAFETY: the accessors return the address of the thread's own `errno`.
        unsafe {
            #[cfg(any(target_os = "linux", target_os = "emscripten"))]
            {
                *libc::__errno_location() = value;
            }
            #[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
            {
                *libc::__error() = value;
            }
            let _ = value;
        }
    }

    /// Ends the program with status 0 when nobody reads its standard output
    /// any more (`vm run x.lua | head`).
    pub(crate) fn end_quietly_on_closed_output() {
        let handler = on_closed_pipe as extern "C" fn(libc::c_int);
        // SAFETY: the handler has the signature that the system expects.
        unsafe { libc::signal(libc::SIGPIPE, handler as *const () as libc::sighandler_t) };
    }

    /// From here on Ctrl-C interrupts what runs in the VM of `interrupter`;
    /// pressed again before that has stopped, it ends the program.
    ///
    /// A thread waits for the signal, so that no handler has to touch a lock.
    pub(crate) fn interrupt_on_ctrl_c(interrupter: Interrupter) -> io::Result<()> {
        // SAFETY: an all-zero set is a valid value to initialise.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is initialised by `sigemptyset` before it is used.
        unsafe {
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGINT);
            // Threads made later inherit the mask, children get a fresh one.
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        }
        std::thread::Builder::new()
            .name("strata-ctrl-c".into())
            .spawn(move || {
                loop {
                    let mut signal = 0;
                    // SAFETY: `set` is initialised, `signal` may be written.
                    if unsafe { libc::sigwait(&raw const set, &raw mut signal) } != 0 {
                        return;
                    }
                    if PENDING.swap(true, Ordering::Relaxed) {
                        // SAFETY: ends the process at once; nothing is unwound.
                        unsafe { libc::_exit(INTERRUPTED) };
                    }
                    interrupter.interrupt();
                }
            })?;
        Ok(())
    }

    /// The script stopped, or the next one starts.
    pub(crate) fn forget_ctrl_c() {
        PENDING.store(false, Ordering::Relaxed);
    }
}

#[cfg(not(unix))]
mod other {
    use std::io;
    use strata::runtime::limits::Interrupter;

    pub(crate) fn end_quietly_on_closed_output() {}

    pub(crate) fn interrupt_on_ctrl_c(_: Interrupter) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn forget_ctrl_c() {}
}

#[cfg(not(unix))]
pub(crate) use other::{end_quietly_on_closed_output, forget_ctrl_c, interrupt_on_ctrl_c};
#[cfg(unix)]
pub(crate) use unix::{end_quietly_on_closed_output, forget_ctrl_c, interrupt_on_ctrl_c};
