//! An issuer that signs, verifies and decides as the protocol says.

use std::collections::BTreeMap;

use countersign_protocol::{
    ApprovalDecision, ApprovalReceipt, ApprovalRequest, AuthorizationDetails, Client, Context, DeviceId,
    Expect, Issuer as IssuerUrl, KeySet, Match, Nonce, Origin, Statement, Txn, decision_hash, request_hash,
};

use super::*;
use crate::channel::{
    Ties, VerifiedReceipt, VerifiedRequest,
    native::{self, Endpoints},
};

/// The right match code of every request.
pub(super) const CODE: &str = "482913";

pub(super) struct Issuer {
    url: IssuerUrl,
    key: Es256Key,
    pub(super) device: DeviceId,
    device_keys: KeySet,
    requests: BTreeMap<Txn, Pending>,
    made: u8,
    pub(super) counter: u64,
    pub(super) attempts_left: u32,
    /// Decisions that were recorded, in order.
    pub(super) recorded: Vec<ApprovalDecision>,
    /// Reports of what had ended.
    pub(super) late_reports: Vec<ApprovalDecision>,
}

struct Pending {
    request: VerifiedRequest,
    receipt: Option<VerifiedReceipt>,
    decision: Option<String>,
}

impl Issuer {
    pub(super) fn new() -> Self {
        Self {
            url: IssuerUrl::parse("https://id.alder.example").unwrap(),
            key: software_key(),
            device: DeviceId::from_random([1; 16]),
            device_keys: KeySet::default(),
            requests: BTreeMap::new(),
            made: 0,
            counter: 0,
            attempts_left: 5,
            recorded: Vec::new(),
            late_reports: Vec::new(),
        }
    }

    pub(super) fn keys(&self) -> KeySet {
        [self.key.public_key().clone()].into_iter().collect()
    }

    pub(super) fn offer(&self, account: &str, expires_at: i64) -> Offer {
        Offer::for_tests(self.url.clone(), account, self.keys(), expires_at)
    }

    /// Binds a device key: the only one accepted from now on.
    pub(super) fn binding(&mut self, key: DeviceKey) -> Binding {
        self.device_keys = [key.es256().unwrap().clone()].into_iter().collect();
        Binding {
            issuer: self.url.clone(),
            account: "mara@alder.example".into(),
            ties: Ties::Native(native::Ties {
                device_id: self.device.clone(),
                issuer_keys: self.keys(),
                endpoints: Endpoints::for_tests(),
            }),
            trust: crate::net::Trust::default(),
            key,
            offset: OFFSET,
        }
    }

    pub(super) fn request(&mut self, requires: Requires, client: &str, now: i64) -> VerifiedRequest {
        self.made += 1;
        let details = r#"[{"type":"payment_initiation","instructedAmount":{"amount":"4250.00","currency":"EUR"},
            "creditorName":"Meridian Supplies GmbH","creditorAccount":{"iban":"DE89370400440532013000"}}]"#;
        let claims = ApprovalRequest {
            iss: self.url.clone(),
            aud: self.device.clone(),
            sub: "mara@alder.example".into(),
            iat: now,
            exp: now + 120,
            jti: Jti::from_random([self.made; 16]),
            txn: Txn::from_random([self.made; 16]),
            nonce: Nonce::from_random([self.made; 16]),
            client: Client {
                id: client.to_lowercase().replace(' ', "-"),
                name: client.into(),
            },
            acr: None,
            binding_message: None,
            authorization_details: Some(AuthorizationDetails::parse(details).unwrap()),
            context: Some(Context {
                origin: Some(Origin::AnotherDevice),
                ip: Some("203.0.113.7".into()),
                ..Context::default()
            }),
            requires,
        };
        let request = self.signed(claims);
        let pending = Pending {
            request: request.clone(),
            receipt: None,
            decision: None,
        };
        self.requests.insert(request.claims.txn.clone(), pending);
        request
    }

    pub(super) fn signed(&self, claims: ApprovalRequest) -> VerifiedRequest {
        let statement = Statement::from_request(&claims).unwrap();
        let jws = jws::sign(&claims, &self.key).unwrap();
        native::verified(jws, claims, statement)
    }

    /// The same request once more, as after a reconnect.
    pub(super) fn again(&self, txn: &Txn) -> VerifiedRequest {
        self.requests[txn].request.clone()
    }

    pub(super) fn made(&self) -> u8 {
        self.made
    }

    pub(super) fn is_closed(&self, txn: &Txn) -> bool {
        self.requests[txn].receipt.is_some()
    }

    /// Section 5.4, in its order.
    pub(super) fn decide(&mut self, answer: &Answer, now: i64) -> DecisionOutcome {
        use countersign_protocol::Verdict;
        let expect = Expect {
            issuer: Some(self.device.as_str()),
            audience: self.url.as_str(),
            now,
        };
        let decision: ApprovalDecision = match jws::verify(&answer.decision, &self.device_keys, &expect) {
            Ok(decision) => decision,
            Err(countersign_protocol::VerifyError::Expired) => return DecisionOutcome::Stale,
            Err(error) => panic!("a decision does not verify: {error}"),
        };
        let pending = &self.requests[&decision.txn];
        if let Some(receipt) = &pending.receipt {
            let receipt = Box::new(receipt.clone());
            if pending.decision.as_ref() == Some(&answer.decision) {
                return DecisionOutcome::Recorded(receipt);
            }
            let request = pending.request.clone();
            decision
                .check_answers(
                    &asked(&request),
                    &request_hash(&request.message),
                    &request.statement,
                )
                .unwrap();
            if decision.counter <= self.counter {
                return DecisionOutcome::CounterRegression;
            }
            self.counter = decision.counter;
            if decision.verdict == Verdict::Report && now <= receipt.claims.iat + 86_400 {
                self.late_reports.push(decision);
                return DecisionOutcome::Reported(receipt);
            }
            return DecisionOutcome::AlreadyDecided(Some(receipt));
        }
        let request = pending.request.clone();
        decision
            .check_answers(
                &asked(&request),
                &request_hash(&request.message),
                &request.statement,
            )
            .unwrap();
        if decision.counter <= self.counter {
            return DecisionOutcome::CounterRegression;
        }
        self.counter = decision.counter;
        if now >= asked(&request).exp {
            let receipt = self.close(&decision.txn, Outcome::Expired, now);
            return DecisionOutcome::Expired(Some(Box::new(receipt)));
        }
        let asks_code = matches!(asked(&request).requires.matching, Match::Code { .. });
        let right = decision
            .match_code
            .as_ref()
            .is_some_and(|code| code.as_str() == CODE);
        if decision.verdict == Verdict::Approve && asks_code && !right {
            self.attempts_left -= 1;
            if self.attempts_left == 0 {
                let receipt = self.close(&decision.txn, Outcome::Locked, now);
                return DecisionOutcome::Locked(Some(Box::new(receipt)));
            }
            return DecisionOutcome::WrongCode {
                attempts_left: Some(self.attempts_left),
            };
        }
        let mut claims = self.receipt(&request, Outcome::from(decision.verdict), now);
        claims.decided_by = Some(self.device.clone());
        claims.device_name = Some("desk".into());
        claims.decision_hash = Some(decision_hash(&answer.decision));
        let receipt = self.sign_receipt(claims);
        let pending = self.requests.get_mut(&decision.txn).unwrap();
        pending.receipt = Some(receipt.clone());
        pending.decision = Some(answer.decision.clone());
        self.recorded.push(decision);
        DecisionOutcome::Recorded(Box::new(receipt))
    }

    /// Ends a request without a decision of a device.
    pub(super) fn close(&mut self, txn: &Txn, outcome: Outcome, now: i64) -> VerifiedReceipt {
        let request = self.requests[txn].request.clone();
        let receipt = self.sign_receipt(self.receipt(&request, outcome, now));
        self.requests.get_mut(txn).unwrap().receipt = Some(receipt.clone());
        receipt
    }

    /// Another device of the person answered.
    pub(super) fn decided_elsewhere(&mut self, txn: &Txn, outcome: Outcome, now: i64) -> VerifiedReceipt {
        let request = self.requests[txn].request.clone();
        let mut claims = self.receipt(&request, outcome, now);
        claims.decided_by = Some(DeviceId::from_random([9; 16]));
        claims.device_name = Some("Mara’s workstation".into());
        claims.decision_hash = Some(decision_hash("another decision"));
        let receipt = self.sign_receipt(claims);
        self.requests.get_mut(txn).unwrap().receipt = Some(receipt.clone());
        receipt
    }

    pub(super) fn receipt(&self, request: &VerifiedRequest, outcome: Outcome, now: i64) -> ApprovalReceipt {
        ApprovalReceipt {
            iss: self.url.clone(),
            aud: vec![self.device.as_str().to_owned(), "bank".to_owned()],
            iat: now,
            jti: Jti::from_random([200; 16]),
            txn: request.claims.txn.clone(),
            outcome,
            decided_by: None,
            device_name: None,
            decision_hash: None,
            request_hash: Some(request_hash(&request.message)),
            statement_hash: Some(request.statement.hash().to_owned()),
            acr: None,
            amr: None,
        }
    }

    pub(super) fn sign_receipt(&self, claims: ApprovalReceipt) -> VerifiedReceipt {
        VerifiedReceipt {
            jws: jws::sign(&claims, &self.key).unwrap(),
            claims,
        }
    }
}

/// What a request says in the protocol's own words.
pub(super) fn asked(request: &VerifiedRequest) -> ApprovalRequest {
    let parsed = jws::Unverified::<ApprovalRequest>::parse(&request.message).unwrap();
    parsed.untrusted_claims().clone()
}
