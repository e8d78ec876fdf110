//! What the documents claim to be tested is tested: every test they name exists.

use std::{collections::BTreeSet, fs, path::Path};

/// The documents that name tests, in backquotes.
const DOCUMENTS: [&str; 2] = ["docs/threat-model.md", "docs/acceptance.md"];

#[test]
fn every_test_that_a_document_names_exists() {
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let root = Path::new(&package).parent().unwrap();
    let mut code = String::new();
    for dir in [
        "crates",
        "src-tauri/src",
        "tests/src",
        "tests/tests",
        "ui/src",
        "demo",
    ] {
        collect(&root.join(dir), &mut code).unwrap();
    }
    let mut missing = BTreeSet::new();
    let mut named = 0;
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).unwrap();
        for name in text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| is_test_name(name))
        {
            named += 1;
            if !code.contains(&format!("fn {name}(")) && !code.contains(&format!("\"{name}\"")) {
                missing.insert(format!("{document}: {name}"));
            }
        }
    }
    assert!(
        named > 50,
        "only {named} names were found: the documents have another form now"
    );
    assert!(missing.is_empty(), "no such test: {missing:#?}");
}

/// Tests are named as facts: several words.
fn is_test_name(text: &str) -> bool {
    text.matches('_').count() >= 2
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn collect(dir: &Path, code: &mut String) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("node_modules") {
                collect(&path, code)?;
            }
        } else if path
            .extension()
            .is_some_and(|e| ["rs", "ts", "mjs"].iter().any(|known| e == *known))
        {
            code.push_str(&fs::read_to_string(path)?);
        }
    }
    Ok(())
}
