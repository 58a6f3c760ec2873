//! `cargo xtask test`: everything that tests need, then the tests.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::apt::{self, Tool};
use crate::command::{self, command, find, succeeds};
use crate::postgres::{self, Postgres};
use crate::{node, python};

const TOOLS: [Tool; 7] = [
    Tool { name: "age", packages: &["age"], is_there: || find("age").is_some() && find("age-keygen").is_some() },
    Tool { name: "Chromium", packages: &["chromium"], is_there: chromium_is_there },
    Tool { name: "libfaketime", packages: &["libfaketime"], is_there: faketime_is_there },
    Tool { name: "PostgreSQL", packages: &["postgresql"], is_there: postgres::is_there },
    Tool {
        name: "Node.js with npm",
        packages: &["nodejs", "npm"],
        is_there: || find("node").is_some() && find("npm").is_some(),
    },
    Tool {
        name: "SoftHSM 2 with pkcs11-tool",
        packages: &["softhsm2", "opensc"],
        is_there: || find("softhsm2-util").is_some() && find("pkcs11-tool").is_some(),
    },
    Tool { name: "Python with venv", packages: &["python3", "python3-venv"], is_there: python_is_there },
];

/// Runs the tests; PostgreSQL is stopped however they end.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let Arguments { packages, filters } = Arguments::read(arguments)?;
    apt::provide(&TOOLS)?;
    node::provide()?;
    python::provide()?;
    // With the features of the whole workspace, so that building the tests does not build this once more.
    command::run(&mut cargo(["build", "--workspace", "--bins"]))?;

    let postgres = Postgres::start()?;
    let mut tests = cargo(["test", "--no-fail-fast"]);
    if packages.is_empty() {
        tests.arg("--workspace");
    }
    for package in packages {
        tests.args(["--package", package]);
    }
    command::run(tests.arg("--").args(filters).env("KEYWARD_TEST_POSTGRES", &postgres.url))
}

struct Arguments<'a> {
    packages: Vec<&'a str>,
    filters: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    fn read(given: &'a [String]) -> Result<Self> {
        let mut arguments = Self { packages: Vec::new(), filters: Vec::new() };
        let mut given = given.iter().map(String::as_str);
        while let Some(argument) = given.next() {
            match argument {
                "-p" | "--package" => arguments.packages.push(given.next().context("-p needs the name of a package")?),
                option if option.starts_with('-') => bail!("there is no option {option}"),
                filter => arguments.filters.push(filter),
            }
        }
        Ok(arguments)
    }
}

fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

fn chromium_is_there() -> bool {
    std::env::var_os("KEYWARD_E2E_CHROMIUM").is_some() || Path::new("/usr/bin/chromium").is_file()
}

fn python_is_there() -> bool {
    succeeds(&mut command("python3", ["-c", "import ensurepip, venv"]))
}

fn faketime_is_there() -> bool {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders.into_iter().any(|folder| folder.path().join("faketime/libfaketimeMT.so.1").is_file())
}
