//! The flows, on a real database and with real signatures.

mod asking;
mod deciding;
mod devices;
mod dump;
mod expiry;
mod proofs;
mod reporting;
mod results;

use std::{sync::atomic::Ordering, time::Duration};

use countersign_protocol::{
    Amr, ApprovalDecision, ApprovalKeys, ApprovalReceipt, ApprovalRequest, ApprovalResult, ApprovalRotate,
    ApprovalTime, AuthorizationDetails, Context, DecidedOn, EnrolmentCode, Evidenced, Expect, KeyProtection,
    KeySet, Match, Nonce, Outcome as How, ProtectionLevel, Requires, RotateNew, Signer as _, Surface, Txn,
    Verdict, Verification, jws, wire::ServerFrame,
};

use super::{
    testing::{ISSUER, TestDevice, World, ask, issuer, jti, key, refusal, wrong_code},
    *,
};
use crate::{
    audit::Event,
    hub::{Close, Outgoing},
    keys::KeyRing as _,
    store::ClientKind,
};

fn receipt(world: &World, audience: &str, jws: &str) -> ApprovalReceipt {
    let expect = Expect {
        issuer: Some(ISSUER),
        audience,
        now: world.clock.now(),
    };
    jws::verify(jws, &world.gateway.keys(), &expect).unwrap()
}

async fn outcome(world: &World, asked: &Asked) -> Outcome {
    world
        .gateway
        .outcome(&world.client, &asked.txn, Duration::ZERO)
        .await
        .unwrap()
}

async fn ended(world: &World, asked: &Asked) -> ApprovalResult {
    match outcome(world, asked).await {
        Outcome::Ended { claims, result, .. } => {
            assert_eq!(
                world.result(&result),
                *claims,
                "the plain members are those that are signed"
            );
            *claims
        }
        Outcome::Pending { .. } => panic!("still pending"),
    }
}

async fn frame(connection: &crate::hub::Connection) -> ServerFrame {
    match connection.next().await {
        Outgoing::Frame(text) => ServerFrame::parse(text.as_bytes()).unwrap(),
        Outgoing::Close(why) => panic!("closed: {why:?}"),
    }
}
