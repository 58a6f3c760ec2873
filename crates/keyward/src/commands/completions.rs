//! `keyward completions`: what a shell needs to complete commands and options.

use clap_complete::Shell;

use crate::output;

/// Print what makes a shell complete commands and options
///
/// For this shell: `source <(keyward completions bash)`. For good: write it to a file where the shell looks, such as
/// ~/.local/share/bash-completion/completions/keyward, ~/.zfunc/_keyward or ~/.config/fish/completions/keyward.fish.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, mut command: clap::Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "keyward", &mut script);
    Ok(output::line(String::from_utf8(script)?.trim_end())?)
}
