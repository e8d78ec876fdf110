//! How long the parts take with 2,000 entries: `cargo run --release -p countersign-codes --example measure`.

use std::{hint::black_box, time::Duration};

use countersign_codes::{Codes, Details, Import, Kind, Label, Secret, export, search::Index, vault};

const ENTRIES: u32 = 2000;

#[allow(clippy::disallowed_methods, reason = "measuring is the edge")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rng = ring::rand::SystemRandom::new();
    let mut codes = Codes::default();
    for i in 0..ENTRIES {
        let secret = Secret::from_bytes(i.to_be_bytes().repeat(5))?;
        let issuer = Label::new(&format!("Müller & Söhne {i:04}"))?;
        let account = Label::new(&format!("person{i}@example.com"))?;
        codes.add(Details::new(issuer, account, Kind::TOTP, secret), 1, &rng)?;
    }
    let key = vault::VaultKey::random(&rng)?;
    let sealed = vault::seal(&codes, &key, &rng)?;
    let links = export::links(&codes);
    let index = Index::new(&codes);

    report("all codes, with the next ones", || {
        for entry in codes.entries() {
            black_box(entry.details.shown_at(1_800_000_000_000));
        }
    });
    report("seal the vault", || {
        drop(black_box(vault::seal(&codes, &key, &rng)))
    });
    report("open the vault", || drop(black_box(vault::open(&sealed, &key))));
    report("build the search index", || drop(black_box(Index::new(&codes))));
    for query in ["", "m", "mull", "sohne 19", "example.com 7", "nothing"] {
        report(&format!("find {query:?}"), || drop(black_box(index.find(query))));
    }
    report("read and preview as many links", || {
        if let Ok(Import::Found(found)) = Import::read(links.as_bytes()) {
            black_box(found.preview(&codes).duplicate);
        }
    });
    Ok(())
}

/// The median of some runs.
#[allow(clippy::disallowed_methods, reason = "measuring is the edge")]
fn report(what: &str, mut run: impl FnMut()) {
    let mut times: Vec<Duration> = (0..31)
        .map(|_| {
            let start = std::time::Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("{what:32} {:>9.3} ms", times[15].as_secs_f64() * 1000.0);
}
