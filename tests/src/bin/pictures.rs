//! Takes a picture of every screen and state: `countersign-pictures [STATE…]`, into `target/screenshots`.

use anyhow::{Context, Result};
use countersign_tests::{
    front::Gallery,
    harness::{Screens, Session, SessionOptions},
};

#[tokio::main]
async fn main() -> Result<()> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let session = Session::with(SessionOptions {
        screens: Screens::One,
        notifications: false,
        keyring: false,
    })
    .await
    .context("no session")?;
    let dir = session.paths.screenshots()?;
    let gallery = Gallery::open(&session, &session.paths.interface()).await?;
    let mut taken = 0;
    for picture in gallery.pictures().await? {
        let name = picture.name();
        if only.is_empty() || only.iter().any(|part| name.starts_with(part)) {
            gallery.take(&picture, &dir).await?;
            taken += 1;
        }
    }
    gallery.close().await?;
    eprintln!("{taken} pictures in {}", dir.display());
    Ok(())
}
