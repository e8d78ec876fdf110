//! What front ends ask for.

use std::collections::BTreeSet;

use countersign_agent_api::{
    Activation, ApiError, ErrorCode, Event as FrontEndEvent, Reply, Request, RequestId, Role, Window,
};
use countersign_protocol::{DecidedOn, Verdict};
use zeroize::Zeroizing;

use super::{
    Call, Effect, Engine,
    answers::Given,
    attention::{Intent, Subject},
    event::AccountFacts,
    request::Stage,
    views::{Views, protocol_reason, protocol_verdict},
};
use crate::{
    config::is_language_tag,
    ipc::ConnectionId,
    keystore::Interaction,
    launch::{LaunchError, Launched},
    notify::{NotificationEvent, NotificationId, NotifyError, Turn},
    wording::sentence,
};

/// The longest enrolment link that is looked at, in bytes (docs/protocol.md, section 5.2).
const MAX_LINK: usize = 1024;

/// One connected front end.
#[derive(Debug)]
pub(super) struct FrontEnd {
    role: Role,
    subscription: Subscription,
    shown: BTreeSet<RequestId>,
}

/// What a front end wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subscription {
    None,
    /// Everything, at the next occasion.
    New,
    /// What changes.
    Current,
}

impl FrontEnd {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            subscription: Subscription::None,
            shown: BTreeSet::new(),
        }
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn is_subscribed(&self) -> bool {
        self.subscription != Subscription::None
    }

    pub(super) fn shows(&self, id: &RequestId) -> bool {
        self.shown.contains(id)
    }

    /// Marks it as told; `Some` of what it was told last (`Some(None)`: nothing yet) if it wants to be told.
    pub(super) fn told<'a>(&mut self, published: Option<&'a Views>) -> Option<Option<&'a Views>> {
        let subscription = self.subscription;
        match subscription {
            Subscription::None => None,
            Subscription::New => {
                self.subscription = Subscription::Current;
                Some(None)
            }
            Subscription::Current => Some(published),
        }
    }
}

impl Engine {
    pub(super) fn called(&mut self, call: Call, request: Request, now: i64, fx: &mut Vec<Effect>) {
        let reply = match request {
            Request::Hello { .. } => Err(ApiError::new(ErrorCode::InvalidCall, "A connection greets once.")),
            Request::Subscribe => self.subscribe(call.connection, fx),
            Request::Status => Ok(Reply::Status(self.status_view())),
            Request::Accounts => Ok(Reply::Accounts(self.account_views())),
            Request::Requests => Ok(Reply::Requests(self.request_views(now))),
            Request::ShowRequest { id } => self.view_of(&id).map(Reply::Request).ok_or_else(no_request),
            Request::Shown { id } => self.shown(call.connection, &id, now),
            Request::Decide {
                id,
                verdict,
                match_code,
                reason,
                locale,
                statement_hash,
            } => {
                let given = Given {
                    verdict: protocol_verdict(verdict),
                    match_code: match_code.map(Zeroizing::new),
                    reason: reason.map(protocol_reason),
                    locale,
                    surface: self.surface(call.connection),
                    statement_hash: Some(statement_hash),
                };
                // Answered when the counter is on disk.
                match self.decide(&id, given, Some(call), now, fx) {
                    Ok(()) => return,
                    Err(error) => Err(error),
                }
            }
            // Answered when the issuer has taken it.
            Request::Report { id, locale } => match self.start_report(call, &id, locale, fx) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            Request::CopyCode { id } => match self.code_to_type(&id) {
                Ok(code) => {
                    return fx.push(Effect::CopyCode {
                        call,
                        code,
                        clear_after: self.settings.chosen.values.clear_clipboard,
                    });
                }
                Err(error) => Err(error),
            },
            Request::Withdraw { id } => self.withdraw(&id, fx),
            Request::ReleaseHeldBack { account, client_id } => {
                self.inbox.release(&(account, client_id));
                Ok(Reply::Requests(self.request_views(now)))
            }
            Request::History {
                limit,
                before,
                filter,
            } => {
                return fx.push(Effect::ReadHistory {
                    call,
                    limit,
                    before,
                    filter,
                });
            }
            Request::Records { from, filter } => return fx.push(Effect::ReadRecords(call, from, filter)),
            Request::Evidence { id } => return fx.push(Effect::ReadEvidence(call, id)),
            Request::PreviewEnrolment { link, trust } => {
                let link = Zeroizing::new(link);
                match self.preview(&link) {
                    Ok(()) => return fx.push(Effect::Preview(call, link, trust)),
                    Err(error) => Err(error),
                }
            }
            Request::AcceptEnrolment { offer, device_name } => {
                match self.accept_offer(call, &offer, device_name, fx) {
                    Ok(()) => return,
                    Err(error) => Err(error),
                }
            }
            Request::CancelEnrolment { offer } => self.cancel_offer(&offer),
            Request::Refresh { account } => self.refresh(&account, fx),
            Request::RotateKey { account } => match self.start_rotation(call, &account, fx) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            Request::RemoveAccount { account } => match self.remove_account(call, &account, fx) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            Request::RenameAccount { account, name } => match self.rename_account(call, &account, name, fx) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            Request::SetPolling { account, seconds } => match self.set_polling(call, &account, seconds, fx) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            Request::CheckNow => {
                fx.extend(self.lines.keys().cloned().map(Effect::Retry));
                Ok(Reply::Done)
            }
            Request::RevokeDevice { account } => match self.revoke_device(call, &account, fx) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            Request::Codes { call: request } => {
                return fx.push(Effect::Codes {
                    call,
                    request,
                    clear_after: self.settings.chosen.values.clear_clipboard,
                });
            }
            Request::Settings => Ok(Reply::Settings(self.settings.chosen.clone())),
            Request::ChangeSetting { change } => return fx.push(Effect::ChangeSetting(call, change)),
            Request::Mute { until } => self.mute_until(until, now),
            Request::Diagnostics => return fx.push(Effect::Diagnose(call, self.facts())),
            Request::OpenApp { window } => return self.open(window, Some(call), fx),
            Request::Shutdown => {
                fx.push(Effect::Reply(call, Ok(Reply::Done)));
                return fx.push(Effect::Stop);
            }
        };
        fx.push(Effect::Reply(call, reply));
    }

    fn subscribe(&mut self, connection: ConnectionId, fx: &mut Vec<Effect>) -> Result<Reply, ApiError> {
        let Some(front_end) = self.front_ends.get_mut(&connection) else {
            return Ok(Reply::Done);
        };
        front_end.subscription = Subscription::New;
        if front_end.role == Role::App
            && let Some(window) = self.attention.window.take()
        {
            fx.push(Effect::Publish(connection, FrontEndEvent::Open(window)));
        }
        Ok(Reply::Done)
    }

    /// The first time that the statement is on screen is kept.
    fn shown(&mut self, connection: ConnectionId, id: &RequestId, now: i64) -> Result<Reply, ApiError> {
        let account = self
            .inbox
            .get(id)
            .map(|r| r.account.clone())
            .ok_or_else(no_request)?;
        let offset = self.offset(&account);
        if let Some(request) = self.inbox.get_mut(id) {
            request.shown_at.get_or_insert(now + offset);
        }
        if let Some(front_end) = self.front_ends.get_mut(&connection) {
            front_end.shown.retain(|id| self.inbox.get(id).is_some());
            front_end.shown.insert(id.clone());
        }
        Ok(Reply::Done)
    }

    /// What an issuer gave with an approval, to be typed where it started.
    fn code_to_type(&self, id: &RequestId) -> Result<Zeroizing<String>, ApiError> {
        let code = self.inbox.get(id).and_then(|request| match &request.stage {
            Stage::Ended(end) => end.code.clone(),
            Stage::Pending | Stage::Signing(_) | Stage::Sending(_) | Stage::Queued(..) => None,
        });
        code.map(Zeroizing::new).ok_or_else(|| {
            let text = "The code is no longer kept. Type it as it was shown, or start again.";
            ApiError::new(ErrorCode::NotFound, text)
        })
    }

    pub(super) fn surface(&self, connection: ConnectionId) -> DecidedOn {
        match self.front_ends.get(&connection).map(FrontEnd::role) {
            Some(Role::App) => DecidedOn::Window,
            Some(Role::Terminal) | None => DecidedOn::Terminal,
        }
    }

    fn facts(&self) -> Vec<AccountFacts> {
        self.accounts
            .accounts
            .iter()
            .map(|account| AccountFacts {
                view: self.account_view(account),
                binding: account.binding.clone(),
                rejected: self.lines.get(&account.id).map_or(0, |line| line.rejected),
            })
            .collect()
    }

    /// Brings up a window: in an app that is connected, or by starting one.
    pub(super) fn open(&mut self, window: Window, call: Option<Call>, fx: &mut Vec<Effect>) {
        let app = self
            .front_ends
            .iter()
            .rev()
            .find(|(_, f)| f.role == Role::App && f.is_subscribed());
        match app {
            Some((connection, _)) => {
                fx.push(Effect::Publish(*connection, FrontEndEvent::Open(window)));
                if let Some(call) = call {
                    fx.push(Effect::Reply(call, Ok(Reply::Done)));
                }
            }
            None => fx.push(Effect::Launch(window, call)),
        }
    }

    pub(super) fn launched(
        &mut self,
        window: Window,
        call: Option<Call>,
        result: Result<Launched, LaunchError>,
        fx: &mut Vec<Effect>,
    ) {
        let reply = match result {
            Ok(Launched::Started) => Ok(Reply::Done),
            Ok(Launched::AlreadyRunning) => {
                self.attention.window = Some(window);
                Ok(Reply::Done)
            }
            Err(error) => {
                tracing::warn!(%error, "the app was not started");
                Err(ApiError::new(ErrorCode::AppUnavailable, sentence(&error)))
            }
        };
        if let Some(call) = call {
            fx.push(Effect::Reply(call, reply));
        }
    }

    /// A window that was asked for while the app was closing is opened in a new one.
    pub(super) fn app_ended(&mut self, fx: &mut Vec<Effect>) {
        if let Some(window) = self.attention.window.take() {
            self.open(window, None, fx);
        }
    }

    /// A person did something with a notification.
    pub(super) fn acted(&mut self, event: NotificationEvent, now: i64, fx: &mut Vec<Effect>) {
        match self.attention.react(event) {
            Intent::Nothing => {}
            Intent::Open(window) => self.open(window, None, fx),
            Intent::Answer(id, verdict) => self.answer_from_notification(&id, verdict, now, fx),
            Intent::Release(asker) => {
                let first = self.inbox.held_requests(&asker).into_iter().next();
                self.inbox.release(&asker);
                self.open(
                    Window::Prompt {
                        request: first,
                        activation: Activation::Asked,
                    },
                    None,
                    fx,
                );
            }
            Intent::DenyHeldBack(asker) => {
                let held = self.inbox.held_requests(&asker);
                self.inbox.release(&asker);
                for id in held {
                    self.answer_from_notification(&id, Verdict::Deny, now, fx);
                }
            }
            Intent::Unlock => fx.push(Effect::ProbeKeyring(Interaction::Allowed)),
        }
    }

    /// There is nobody to show notifications: the prompt comes up instead, without taking the keyboard.
    pub(super) fn not_shown(
        &mut self,
        id: &NotificationId,
        turn: Turn,
        error: &NotifyError,
        fx: &mut Vec<Effect>,
    ) {
        tracing::warn!(%error, "a notification was not shown");
        match self.attention.take(id, turn) {
            Some(Subject::Request(request) | Subject::Several(request)) => {
                self.open_unasked(&request, fx);
            }
            Some(
                Subject::HeldBack(_)
                | Subject::Past(_)
                | Subject::Account(_)
                | Subject::Keyring
                | Subject::Outage
                | Subject::Clock,
            )
            | None => {}
        }
    }

    /// Opens the prompt on a request by itself, once.
    pub(super) fn open_unasked(&mut self, request: &RequestId, fx: &mut Vec<Effect>) {
        if self
            .inbox
            .get(request)
            .is_none_or(|request| self.is_hushed(request))
        {
            return;
        }
        let Self { attention, inbox, .. } = self;
        attention.opened.retain(|id| inbox.get(id).is_some());
        if attention.opened.insert(request.clone()) {
            let window = Window::Prompt {
                request: Some(request.clone()),
                activation: Activation::Unasked,
            };
            self.open(window, None, fx);
        }
    }

    pub(super) fn check_locale(locale: &str) -> Result<(), ApiError> {
        if is_language_tag(locale) {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorCode::InvalidCall,
            "The locale is not a language tag such as `en-GB`.",
        ))
    }

    pub(super) fn check_link(link: &str) -> Result<(), ApiError> {
        if link.len() <= MAX_LINK {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorCode::InvalidLink,
            "This is not an enrolment link: it is too long.",
        ))
    }
}

pub(super) fn no_request() -> ApiError {
    ApiError::new(
        ErrorCode::NotFound,
        "There is no such request, or it ended more than a minute ago: see the history.",
    )
}
