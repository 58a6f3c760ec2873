//! `cargo xtask test|deny|bench|fuzz`: installs what a command needs and is missing, and runs it.

mod apt;
mod bench;
mod command;
mod deny;
mod fuzz;
mod node;
mod postgres;
mod python;
mod test;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [-p PACKAGE]... [FILTER]...   install what tests need, start PostgreSQL, run the tests whose names contain a filter
  deny                               check bans, licences, sources and advisories of all dependencies
  bench [door|cabinet] [OPTION]...   measure Keyward beside other ways; options of keyward-bench, such as --rounds 5
  fuzz [TARGET]... [--seconds N]     give each parser inputs that libFuzzer makes up, for N seconds each, else 60";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let run = match name.as_str() {
        "test" => test::run,
        "deny" => deny::run,
        "bench" => bench::run,
        "fuzz" => fuzz::run,
        "help" | "--help" | "-h" => {
            eprintln!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("there is no command {name}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match enter_workspace().and_then(|()| run(rest)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// All commands work in the workspace's folder, wherever they were called.
fn enter_workspace() -> Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("this crate lies in the workspace")?;
    std::env::set_current_dir(workspace).with_context(|| format!("cannot enter {}", workspace.display()))
}
