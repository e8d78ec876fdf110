//! What devices are told: requests, endings, keys.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use countersign_protocol::{
    DeviceId, ErrorCode,
    wire::{PollResponse, ServerFrame},
};

use super::{Caller, Gateway, Happening, Refusal, ServiceResult};
use crate::{
    hub::{Connection, Polling},
    store::{Approval, ApprovalState, Inbox, Recipient, Since},
};

/// How far before a device's cursor endings are told again when it connects. Frames of things that happen at the same
/// time may overtake each other, so what comes before the last one a device saw is not certain to have reached it.
const OVERLAP: u64 = 256;

/// Marks a cursor that a poll gave.
const POLLED: &str = "p";

/// Up to where a device knows what happened. For devices it is opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// From a stream: shortly before it something may be missing.
    Streamed(u64),
    /// From the answer to a poll: nothing before it is missing.
    Polled(u64),
}

impl Cursor {
    /// From where on endings are told to a device that may have missed some.
    fn with_overlap(self) -> u64 {
        match self {
            Self::Streamed(seq) | Self::Polled(seq) => seq.saturating_sub(OVERLAP),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Streamed(seq) => seq.fmt(f),
            Self::Polled(seq) => write!(f, "{POLLED}{seq}"),
        }
    }
}

impl FromStr for Cursor {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let (kind, digits): (fn(u64) -> Self, _) = match text.strip_prefix(POLLED) {
            Some(digits) => (Self::Polled, digits),
            None => (Self::Streamed, text),
        };
        digits
            .parse()
            .map(kind)
            .map_err(|_| Refusal::new(ErrorCode::InvalidRequest, "`cursor` is not one of this issuer"))
    }
}

/// A device's new connection and what it is told first.
#[derive(Debug)]
pub struct Delivery {
    /// Where everything that follows comes from.
    pub connection: Connection,
    /// What comes before it.
    pub frames: Vec<ServerFrame>,
}

impl Gateway {
    /// Connects a device: it gets everything pending, what ended since `cursor`, and from then on what happens.
    ///
    /// # Errors
    /// `device_revoked`, or when the store fails.
    pub async fn connect(
        &self,
        caller: &Caller,
        cursor: Option<Cursor>,
        heartbeat: u32,
    ) -> ServiceResult<Delivery> {
        let device = &caller.device.id;
        // Connected first, read second: what happens in between comes twice rather than never.
        let connection = self.hub.connect(device);
        // Revoked since its proof was checked, it was looked for in the hub in vain.
        self.enrolled(device).await?;
        let inbox = self
            .parts
            .store
            .inbox(device, Since::Connect(cursor.map(Cursor::with_overlap)))
            .await?;
        let mut frames = Vec::with_capacity(inbox.pending.len() + inbox.ended.len() + 2);
        let time = self.now();
        frames.push(ServerFrame::Welcome {
            time,
            time_proof: Some(self.issuing().time(caller, time)?),
            cursor: Cursor::Streamed(inbox.seq).to_string(),
            heartbeat,
        });
        self.push_inbox(&mut frames, device, inbox)?;
        Ok(Delivery { connection, frames })
    }

    /// What a polling device has to know, at once or as soon as there is something, at the latest after `wait`.
    ///
    /// # Errors
    /// `device_revoked`, or when the store fails.
    pub async fn poll(
        &self,
        caller: &Caller,
        cursor: Option<Cursor>,
        wait: Duration,
    ) -> ServiceResult<PollResponse> {
        let device = &caller.device.id;
        let poller = self.hub.poller(device);
        self.enrolled(device).await?;
        let deadline = tokio::time::sleep(wait);
        tokio::pin!(deadline);
        let since = match cursor {
            // It comes from the stream, which may have broken before everything had arrived.
            Some(Cursor::Streamed(_)) | None => Since::Connect(cursor.map(Cursor::with_overlap)),
            Some(Cursor::Polled(seq)) => Since::Poll(seq),
        };
        let mut last = wait.is_zero() || cursor.is_none();
        loop {
            let woken = poller.woken();
            tokio::pin!(woken);
            woken.as_mut().enable();
            match poller.polling() {
                Polling::Open => {}
                Polling::Restart => last = true,
                Polling::Revoked => {
                    return Err(Refusal::new(
                        ErrorCode::DeviceRevoked,
                        "this device was revoked; enrol it again",
                    )
                    .into());
                }
            }
            let inbox = self.parts.store.inbox(device, since).await?;
            if last || !inbox.pending.is_empty() || !inbox.ended.is_empty() {
                let cursor = Cursor::Polled(inbox.seq).to_string();
                let mut frames = Vec::with_capacity(inbox.pending.len() + inbox.ended.len() + 1);
                self.push_inbox(&mut frames, device, inbox)?;
                let time = self.now();
                return Ok(PollResponse {
                    time,
                    time_proof: Some(self.issuing().time(caller, time)?),
                    cursor,
                    frames,
                });
            }
            tokio::select! {
                () = &mut woken => {}
                () = &mut deadline => last = true,
            }
        }
    }

    /// An approval ended: whoever waits for it and the other devices are told.
    pub(super) fn ended<'a>(&self, approval: Approval, others: impl Iterator<Item = &'a Recipient>) {
        let ApprovalState::Ended(ending) = &approval.state else {
            return;
        };
        self.pending.remove(&approval.txn);
        self.observe(&Happening::Ended {
            outcome: ending.outcome,
            after: ending.at - approval.created_at,
        });
        for other in others {
            if !self.hub.is_listening(&other.device) {
                continue;
            }
            match self.issuing().receipt(&approval, ending, other) {
                Ok(receipt) => {
                    let frame = ServerFrame::Closed {
                        receipt,
                        cursor: Cursor::Streamed(ending.seq).to_string(),
                    };
                    self.hub.send(&other.device, &frame);
                }
                // It is told again when it connects.
                Err(error) => {
                    tracing::error!(txn = %approval.txn, error = %error, "a device could not be told")
                }
            }
        }
        if approval.callback_url.is_some() {
            self.callbacks.notify_one();
        }
        self.endings.tell(&Arc::new(approval));
    }

    /// As [`Gateway::ended`], for approvals whose recipients have to be looked up.
    pub(super) async fn ended_elsewhere(&self, approval: Approval, but: Option<&DeviceId>) {
        let recipients = match self.parts.store.recipients(&approval.txn).await {
            Ok(recipients) => recipients,
            Err(error) => {
                // They are told again when they connect.
                tracing::error!(txn = %approval.txn, error = %error, "devices could not be told");
                Vec::new()
            }
        };
        self.ended(
            approval,
            recipients
                .iter()
                .filter(|recipient| Some(&recipient.device) != but),
        );
    }

    /// Tells every connected device the issuer's keys.
    pub(super) fn introduce_keys(&self) {
        for device in self.hub.connected() {
            match self.issuing().introduction(&device, self.now()) {
                Ok(Some(keys)) => {
                    self.hub.send(&device, &ServerFrame::Keys { keys });
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(error = %error, "a device could not be told the new keys");
                    return;
                }
            }
        }
    }

    fn push_inbox(
        &self,
        frames: &mut Vec<ServerFrame>,
        device: &DeviceId,
        inbox: Inbox,
    ) -> ServiceResult<()> {
        let issuing = self.issuing();
        // Before the requests, which may be signed with a key that the device does not know yet.
        if let Some(keys) = issuing.introduction(device, self.now())? {
            frames.push(ServerFrame::Keys { keys });
        }
        frames.extend(inbox.pending.into_iter().map(|request| ServerFrame::Request {
            request: request.jws,
            cursor: Cursor::Streamed(request.seq).to_string(),
        }));
        for (approval, recipient) in &inbox.ended {
            if let ApprovalState::Ended(ending) = &approval.state {
                let receipt = issuing.receipt(approval, ending, recipient)?;
                frames.push(ServerFrame::Closed {
                    receipt,
                    cursor: Cursor::Streamed(ending.seq).to_string(),
                });
            }
        }
        Ok(())
    }
}
