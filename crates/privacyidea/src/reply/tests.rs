use proptest::prelude::*;
use serde_json::json;

use super::*;

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../../../../vectors/privacyidea.json")).unwrap()
}

#[test]
fn what_real_servers_answer_is_read() {
    for server in vectors() {
        let body = |name: &str| server[name].to_string().into_bytes();
        assert!(enrolled(200, &body("enrol_answer")).is_ok());
        assert_eq!(challenges(200, &body("poll_answer")).unwrap().len(), 1);
        assert_eq!(answered(200, &body("accept_answer")), Ok(Answered::Taken));
        assert_eq!(
            challenges(400, &body("deleted_answer")),
            Err(ReplyError::Unproven)
        );
        let at = time(&body("clock_answer"));
        assert!(at.is_some());
        assert_eq!(
            challenges(400, &body("clock_answer")),
            Err(ReplyError::Clock { time: at })
        );
    }
}

#[test]
fn an_older_server_does_not_take_a_reason_and_gives_no_code() {
    let by_release = |release: &str| vectors().into_iter().find(|v| v["server"] == release).unwrap();
    let (new, old) = (by_release("3.14"), by_release("3.10.2"));
    let body = |server: &Value, name: &str| server[name].to_string().into_bytes();
    assert_eq!(answered(200, &body(&new, "decline_answer")), Ok(Answered::Taken));
    assert_eq!(
        answered(200, &body(&old, "decline_answer")),
        Ok(Answered::NotTaken)
    );
    assert!(matches!(
        answered(200, &body(&new, "code_answer")),
        Ok(Answered::TakenShow { code }) if code.len() == 2
    ));
    assert_eq!(answered(200, &body(&old, "code_answer")), Ok(Answered::Taken));
}

fn refusal_of(status: u16, code: i64) -> Result<Vec<String>, ReplyError> {
    let body = json!({"result": {"status": false, "error": {"code": code, "message": "no"}}});
    challenges(status, body.to_string().as_bytes())
}

#[test]
fn a_servers_errors_are_told_apart() {
    assert_eq!(refusal_of(400, 10), Err(ReplyError::Unproven));
    assert_eq!(refusal_of(403, 303), Err(ReplyError::PollingDenied));
    assert_eq!(refusal_of(404, 601), Err(ReplyError::NotFound));
    assert_eq!(refusal_of(400, 905), Err(ReplyError::NotAccepted));
    assert_eq!(refusal_of(500, -500), Err(ReplyError::Server { code: -500 }));
}

#[test]
fn what_is_no_answer_is_an_error() {
    assert_eq!(challenges(502, b"<html>"), Err(ReplyError::Status(502)));
    assert_eq!(challenges(200, b"<html>"), Err(ReplyError::NotUnderstood));
    let yes = br#"{"result":{"status":true,"value":true}}"#;
    assert_eq!(challenges(200, yes), Err(ReplyError::NotUnderstood));
    assert_eq!(
        answered(500, yes),
        Err(ReplyError::Status(500)),
        "a yes counts only with 200"
    );
    assert_eq!(answered(200, yes), Ok(Answered::Taken));
    assert_eq!(enrolled(200, yes), Err(ReplyError::NotUnderstood));
    assert_eq!(
        answered(200, br#"{"result":{"status":true,"value":"true"}}"#),
        Err(ReplyError::NotUnderstood)
    );
    assert_eq!(
        answered(200, br#"{"result":{"status":true}}"#),
        Err(ReplyError::NotUnderstood)
    );
}

#[test]
fn limits_hold() {
    let mut large = br#"{"result":{"status":true,"value":true}}"#.to_vec();
    large.resize(MAX_BODY + 1, b' ');
    assert_eq!(answered(200, &large), Err(ReplyError::NotUnderstood));
    assert_eq!(time(&large), None);
    let many = json!({"result": {"status": true, "value": vec![json!({}); 300]}});
    assert_eq!(
        challenges(200, many.to_string().as_bytes()).unwrap().len(),
        MAX_CHALLENGES
    );
}

#[test]
fn a_code_that_is_no_code_is_not_shown() {
    for code in [
        json!(""),
        json!("1 2"),
        json!("1".repeat(17)),
        json!({"a": 1}),
        json!("\u{202e}12"),
    ] {
        let body = json!({"result": {"status": true, "value": true}, "detail": {"display_code": code}});
        assert_eq!(
            answered(200, body.to_string().as_bytes()),
            Err(ReplyError::NotUnderstood),
            "{code}"
        );
    }
}

#[test]
fn an_implausible_time_is_none() {
    for body in [r#"{"time":-1}"#, r#"{"time":1e300}"#, r#"{"time":"now"}"#, "{}"] {
        assert_eq!(time(body.as_bytes()), None, "{body}");
    }
    assert_eq!(time(br#"{"time":1795380679.6063106}"#), Some(1_795_380_679));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), status in 100..600_u16) {
        let _ = challenges(status, &bytes);
        let _ = answered(status, &bytes);
        let _ = enrolled(status, &bytes);
        let _ = time(&bytes);
    }
}
