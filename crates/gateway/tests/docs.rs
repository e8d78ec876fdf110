//! What the documentation tells people to type is understood by the program.

use clap::Parser;
use countersign_gateway::cli::Cli;

const DOCUMENTS: [(&str, &str); 3] = [
    ("docs/admin.md", include_str!("../../../docs/admin.md")),
    ("docs/integrate.md", include_str!("../../../docs/integrate.md")),
    ("README.md", include_str!("../../../README.md")),
];

#[test]
fn every_command_in_the_documentation_is_understood() {
    for (name, text) in DOCUMENTS {
        let mut found = 0;
        for line in commands(text) {
            found += 1;
            if let Err(error) = Cli::try_parse_from(words(line)) {
                panic!("{name}: {line}\n{error}");
            }
        }
        assert_ne!(
            found, 0,
            "{name} has no command any more; is this test still looking at the right place?"
        );
    }
}

/// Lines of shell blocks that start the program.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    let blocks = text
        .split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.strip_prefix("sh\n"));
    blocks
        .flat_map(str::lines)
        .filter(|line| line.starts_with("countersign-gateway "))
}

/// The words of a line, as far as the documentation needs a shell: quotes and comments.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for c in line.chars().chain([' ']) {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.push(c),
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '#' && word.is_empty() => break,
            None if c == ' ' && word.is_empty() => {}
            None if c == ' ' => words.push(std::mem::take(&mut word)),
            None => word.push(c),
        }
    }
    words
}
