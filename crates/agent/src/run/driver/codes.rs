//! What the task of one-time codes is asked, and by whom its answer is awaited.

use countersign_agent_api::{AccountId, ApiError, DeliveredCode, ErrorCode};
use countersign_protocol::wire::OtpLink;
use tokio::sync::oneshot;

use super::{Driver, event};
use crate::{
    codes::{Inbox, PartChange},
    engine::{Call, Event, Origin},
};

impl Driver {
    /// Hands a call over to the task, which answers it.
    pub(super) fn ask_codes(&mut self, call: Call, message: Inbox) {
        if self.codes.tell(message).is_err() {
            let text = "Too much is asked of the one-time codes at once. Try again in a moment.";
            self.reply(call, Err(ApiError::new(ErrorCode::Unavailable, text)));
        }
    }

    /// Has the code kept that came with an account.
    pub(super) fn keep_code(&mut self, call: Call, account: AccountId, otp: OtpLink) {
        let (answer, kept) = oneshot::channel();
        // One that is not taken is dropped, and so is its answer.
        let _ = self.codes.tell(Inbox::Keep(otp, answer));
        self.job(async move {
            let lost = |_| DeliveredCode::Lost { error: busy() };
            event(Event::CodeKept(call, account, kept.await.unwrap_or_else(lost)))
        });
    }

    /// Has a code kept or dropped that an account brings along.
    pub(super) fn part(
        &mut self,
        origin: Origin,
        change: PartChange,
        done: fn(Origin, Result<Option<String>, ApiError>) -> Event,
    ) {
        let (answer, changed) = oneshot::channel();
        // One that is not taken is dropped, and so is its answer.
        let _ = self.codes.tell(Inbox::Part(change, answer));
        self.job(async move { event(done(origin, changed.await.unwrap_or_else(|_| Err(busy())))) });
    }
}

fn busy() -> ApiError {
    let text = "Too much is asked of the one-time codes at once.";
    ApiError::new(ErrorCode::Unavailable, text)
}
