//! What cannot be brought about from outside.

use super::*;
use crate::{
    codes::tests::{self, TOTP},
    ipc::ConnectionId,
    keystore::MemoryKeyStore,
};

fn call(id: u64) -> Call {
    let connection = ConnectionId(1);
    Call { connection, id }
}

async fn reply(outputs: &mut mpsc::Receiver<Output>) -> (u64, Result<CodesReply, ApiError>) {
    loop {
        match outputs.recv().await.expect("the task is gone") {
            Output::Reply(call, result) => return (call.id, result),
            Output::News(_) => {}
        }
    }
}

#[tokio::test]
async fn a_job_that_panics_is_told_and_blocks_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (parts, _around) = tests::parts(&home, Arc::new(MemoryKeyStore::new()));
    let (out, mut outputs) = mpsc::channel(QUEUE);
    let (mailbox, messages) = mpsc::channel(QUEUE);
    let mut task = Task::new(parts, out);
    // An export and the opening of the vault are under way, and a call waits for the latter.
    task.work = Underway::Call(call(1));
    task.opening = Some(Interaction::Allowed);
    let add = || tests::adding("a", TOTP);
    task.waiting.push_back(Waiting::Call(call(2), add(), None));
    task.jobs
        .spawn(async { panic!("as a job does with a bug in it") });
    let running = tokio::spawn(task.run(messages));
    for id in [1, 2] {
        let (told, result) = reply(&mut outputs).await;
        assert_eq!((told, result.unwrap_err().code), (id, ErrorCode::Unavailable));
    }
    let request = add();
    let again = Inbox::Call {
        call: call(3),
        request,
        clear_after: None,
    };
    mailbox.send(again).await.unwrap();
    let (told, result) = reply(&mut outputs).await;
    assert_eq!(told, 3);
    assert!(matches!(result, Ok(CodesReply::Entry(_))), "{result:?}");
    drop(mailbox);
    running.await.unwrap();
}
