//! What the process gives up so that its memory and its files stay its own.

/// Files that the process makes, the database among them, are for its own user alone.
pub(crate) fn keep_files_private() {
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// Forbids core dumps and reading by debuggers (`PR_SET_DUMPABLE`), since both would show opened tokens. Where the
/// platform has no such thing, nothing happens.
pub(crate) fn forbid_core_dumps() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "core dumps stay possible");
    }
}
