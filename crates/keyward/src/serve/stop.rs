//! Being told to stop: SIGINT (Ctrl-C) and SIGTERM.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Waits for the first signal, then lets `stop` know. A second one ends the process at once: whoever asks twice does not
/// want to wait for calls that are under way.
pub(crate) fn on_signal(stop: CancellationToken) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        for asked in 0.. {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            };
            if asked > 0 {
                tracing::warn!(signal = name, "stopping at once");
                std::process::exit(i32::from(crate::exit::FAILED));
            }
            tracing::info!(signal = name, "stopping; calls under way may finish");
            stop.cancel();
        }
    });
    Ok(())
}
