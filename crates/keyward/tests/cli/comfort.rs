//! What makes the command line pleasant: help, completions, manual pages.

use std::process::Command;

use insta::assert_snapshot;

use crate::transcript::Desk;

/// Bash itself is asked what it would complete.
#[test]
fn bash_completes_commands_and_options() {
    let desk = Desk::new();
    let script = desk.run("completions bash");
    desk.write("keyward.bash", script.strip_suffix("(exit 0)").expect("done"));
    let complete = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let (last, before) = (words.len() - 1, words.len().saturating_sub(2));
        let ask = format!(
            "source ./keyward.bash; COMP_WORDS=({line}); COMP_CWORD={last}; \
             _keyward keyward '{}' '{}'; echo \"${{COMPREPLY[*]}}\"",
            words[last], words[before]
        );
        let output = Command::new("bash").args(["-c", &ask]).current_dir(desk.path()).output().expect("bash");
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(complete("keyward tok"), "token\n");
    assert_eq!(complete("keyward token sh"), "show\n");
    assert_eq!(complete("keyward backup --fr"), "--freeze\n");
}

#[test]
fn every_shell_has_completions() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = desk.run(&format!("completions {shell}"));
        assert!(script.ends_with("(exit 0)") && script.contains("restore"), "{shell}: {script}");
    }
    assert_snapshot!(desk.run("completions csh"), @r"
    error: invalid value 'csh' for '<SHELL>'
      [possible values: bash, elvish, fish, powershell, zsh]

      tip: a similar value exists: 'zsh'

    For more information, try '--help'.
    (exit 2)
    ");
}

#[test]
fn every_command_has_a_manual_page() {
    let desk = Desk::new();
    assert!(desk.run("man").contains(".TH keyward 1"));
    assert_snapshot!(desk.run("man --out pages"), @"(exit 0)");
    let page = |name: &str| std::fs::read_to_string(desk.path().join("pages").join(name)).expect(name);
    assert!(page("keyward.1").contains("front door"));
    assert!(page("keyward-token-set.1").contains("standard input"));
    assert!(page("keyward-restore.1").contains("must be empty"));
    desk.write("file", "");
    let refused = desk.run("man --out file");
    assert!(refused.starts_with("keyward: cannot write into file\n") && refused.ends_with("(exit 1)"), "{refused}");
}
