//! One suite for every store: what [`Store`] promises, as functions over any implementation.
//!
//! Each is given a store that nothing has been put into yet. [`run`] calls them all.

mod approvals;
mod decisions;
mod delivery;
mod log;
mod registry;

use countersign_protocol::{
    Amr, DecidedOn, DeviceId, Es256Key, Evidenced, Jti, Jwk, KeyProtection, Nonce, Outcome, ProtectionLevel,
    Requires, Signer as _, Timestamp, Txn, Verdict,
};

use super::*;
use crate::{
    audit::{self, Actor, Event},
    edge::SystemRng,
};

const NOW: Timestamp = 1_800_000_000;
const LOCKING: u32 = 3;

/// Runs the suite; `new` makes an empty store.
pub async fn run<S: Store>(new: impl AsyncFn() -> S) {
    registry::clients_are_added_once_and_found_by_their_secret(new().await).await;
    registry::an_offer_is_used_once_and_before_it_expires(new().await).await;
    registry::a_device_is_revoked_once(new().await).await;
    registry::a_device_key_is_replaced_only_while_it_is_the_one_that_was(new().await).await;
    approvals::an_accepted_approval_is_there_with_what_goes_to_each_device(new().await).await;
    approvals::the_same_idempotency_key_is_the_same_approval(new().await).await;
    approvals::as_many_approvals_are_pending_as_allowed(new().await).await;
    decisions::the_first_decision_wins_and_later_ones_are_told(new().await).await;
    decisions::a_decision_is_taken_until_the_second_before_expiry(new().await).await;
    decisions::the_same_decision_again_is_recognised(new().await).await;
    decisions::a_counter_only_grows(new().await).await;
    decisions::wrong_codes_are_counted_over_requests_until_the_user_is_locked(new().await).await;
    decisions::a_right_code_resets_the_count(new().await).await;
    decisions::a_report_after_the_end_is_kept_once_for_each_device(new().await).await;
    decisions::a_revoked_device_decides_nothing(new().await).await;
    approvals::only_its_client_cancels_an_approval(new().await).await;
    approvals::what_expired_ends_once(new().await).await;
    delivery::an_inbox_has_what_a_device_does_not_know(new().await).await;
    delivery::an_inbox_begins_anew_with_a_cursor_from_the_future(new().await).await;
    delivery::an_ending_leaves_a_callback_until_it_is_done(new().await).await;
    log::every_change_is_in_the_audit_chain(new().await).await;
    log::changes_of_others_are_noticed(new().await).await;
    log::old_endings_are_pruned_and_the_audit_log_stays(new().await).await;
}

fn entry(event: Event) -> Entry {
    Entry::new(NOW, Actor::Admin("root".to_owned()), event)
}

fn client() -> Client {
    Client {
        id: "bank".to_owned(),
        name: "Bank".to_owned(),
        secret_hash: [1; 32],
        kind: ClientKind::IdentityProvider,
        callback_urls: vec!["https://bank.example/callback".to_owned()],
        created_at: NOW,
    }
}

fn offer(user: &str, number: u8) -> Offer {
    Offer {
        otp: None,
        code_hash: [number; 32],
        user: user.to_owned(),
        account: format!("{user}@example.com"),
        created_at: NOW,
        expires_at: NOW + 600,
    }
}

fn device_id(number: u8) -> DeviceId {
    DeviceId::from_random([number; 16])
}

fn txn(number: u8) -> Txn {
    Txn::from_random([number; 16])
}

fn jwk() -> Jwk {
    let rng = SystemRng::new();
    let pkcs8 = Es256Key::generate_pkcs8(rng.system_random()).unwrap();
    Es256Key::from_pkcs8(&pkcs8, rng.system_random())
        .unwrap()
        .public_key()
        .clone()
}

fn protection() -> KeyProtection {
    KeyProtection {
        level: ProtectionLevel::Sw,
        evidence: Evidenced::Claimed,
    }
}

fn new_device(number: u8) -> NewDevice {
    NewDevice {
        id: device_id(number),
        key: jwk(),
        name: "desk".to_owned(),
        platform: "Linux".to_owned(),
        app_version: "1.0".to_owned(),
        key_protection: protection(),
        now: NOW,
    }
}

async fn enrolled(store: &impl Store, user: &str, number: u8) -> Device {
    store
        .add_offer(offer(user, number), entry(Event::OfferCreated))
        .await
        .unwrap();
    store
        .enrol([number; 32], new_device(number))
        .await
        .unwrap()
        .unwrap()
}

async fn revoke(store: &impl Store, id: &DeviceId, now: Timestamp) -> Revoked {
    store
        .revoke_device(id, now, entry(Event::DeviceRevoked))
        .await
        .unwrap()
}

fn approval(number: u8, devices: &[&Device]) -> NewApproval {
    NewApproval {
        approval: Approval {
            txn: txn(number),
            user: "ada".to_owned(),
            client: "bank".to_owned(),
            acr: None,
            authorization_details: None,
            requires: Requires::default(),
            created_at: NOW,
            expires_at: NOW + 120,
            callback_url: None,
            auth_ref: None,
            state: ApprovalState::Pending,
        },
        idempotency: None,
        max_pending: 10,
        requests: devices
            .iter()
            .map(|device| NewRequest {
                device: device.id.clone(),
                nonce: Nonce::from_random([number; 16]),
                jws: format!("request {number} for {}", device.id),
                request_hash: format!("request hash {number}"),
                statement_hash: format!("statement hash {number}"),
            })
            .collect(),
    }
}

/// The same with another approval in it.
fn with(mut new: NewApproval, change: impl FnOnce(&mut Approval)) -> NewApproval {
    change(&mut new.approval);
    new
}

async fn accepted(store: &impl Store, new: NewApproval) -> u64 {
    match store.accept(new).await.unwrap() {
        Accepted::Made { seq } => seq,
        refused @ (Accepted::Repeated(_) | Accepted::TooManyPending | Accepted::Locked) => {
            panic!("{refused:?}")
        }
    }
}

fn jti(number: u8, counter: u64) -> Jti {
    Jti::parse(&format!("{number}-{counter}")).unwrap()
}

fn attempt(number: u8, device: &Device, counter: u64) -> DecisionAttempt {
    DecisionAttempt {
        now: NOW,
        txn: txn(number),
        jti: jti(number, counter),
        counter,
        reason: None,
        surface: DecidedOn::Window,
        code: CodeCheck::Right,
        max_wrong_codes: LOCKING,
        decided: Decided {
            device: device.id.clone(),
            device_name: device.name.clone(),
            verdict: Verdict::Approve,
            decision_hash: format!("decision {number} {counter}"),
            request_hash: format!("request hash {number}"),
            statement_hash: format!("statement hash {number}"),
            amr: vec![Amr::Swk, Amr::User],
            key_protection: protection(),
        },
        receipt: format!("receipt {number} {counter}"),
    }
}

fn ending(approval: &Approval) -> Ending {
    match &approval.state {
        ApprovalState::Ended(ending) => (**ending).clone(),
        ApprovalState::Pending => panic!("{} is pending", approval.txn),
    }
}

async fn events(store: &impl Store) -> Vec<String> {
    let records = store.audit_records(0, 1_000).await.unwrap();
    records
        .iter()
        .map(|record| {
            serde_json::from_str::<serde_json::Value>(&record.line).unwrap()["event"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}
