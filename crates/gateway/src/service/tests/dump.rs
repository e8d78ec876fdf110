//! What a dump of the database gives away.

use super::*;

#[tokio::test]
async fn a_dumped_database_approves_nothing_and_logs_in_nowhere() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let unused = world.offer("bob").await;
    let asked = world.ask("ada").await;
    world.mistype(&device, &asked).await;
    let mut dump = Vec::new();
    for file in std::fs::read_dir(world.dir.path())
        .unwrap()
        .map(|file| file.unwrap().path())
    {
        if file
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("gateway.db")
        {
            dump.extend(std::fs::read(file).unwrap());
        }
    }
    let contains = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    assert!(
        contains(asked.txn.as_str().as_bytes()),
        "the search finds what is there"
    );
    let code = asked.match_code.unwrap();
    for (what, needle) in [
        ("client secret", testing::SECRET.as_bytes()),
        ("match code", code.as_bytes()),
        ("enrolment code", unused.as_str().as_bytes()),
        ("private key", b"PRIVATE KEY".as_slice()),
        ("private member", br#""d":""#.as_slice()),
    ] {
        assert!(!contains(needle), "{what}");
    }
}
