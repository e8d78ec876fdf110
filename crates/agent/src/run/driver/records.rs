//! The history: ended requests are appended in place, in order; what is asked of it is read off the engine's thread.

use countersign_agent_api::{ApiError, ErrorCode, HistoryFilter, RecordsCursor, Reply, RequestId};

use super::{Driver, Input, event};
use crate::{
    engine::{Call, Event},
    history::{self, History, Record},
};

/// The most ended requests that wait for a disk that takes them.
const MAX_UNRECORDED: usize = 64;

impl Driver {
    pub(super) fn keep_record(&mut self, record: Record) {
        if self.unrecorded.len() >= MAX_UNRECORDED {
            self.unrecorded.pop_front();
            tracing::error!("the record of an ended request is lost");
        }
        self.unrecorded.push_back(record);
        self.record();
    }

    /// Keeps what could not be kept before, too: evidence outlives a disk that was full for a while.
    pub(super) fn record(&mut self) {
        while let Some(record) = self.unrecorded.front() {
            if let Err(error) = self.history.append(record) {
                tracing::error!(%error, "an ended request could not be kept, it is tried again");
                return;
            }
            self.unrecorded.pop_front();
        }
    }

    pub(super) fn find_record(&mut self, call: Call, id: RequestId, locale: String) {
        let history = self.history.clone();
        self.job(async move {
            let found = tokio::task::spawn_blocking(move || history.find(&id)).await;
            let found = found
                .map_err(|_| unread())
                .and_then(|found| found.map_err(|e| storage(&e)));
            event(Event::Found(call, locale, Box::new(found)))
        });
    }

    pub(super) fn read_page(
        &mut self,
        call: Call,
        limit: u32,
        before: Option<RequestId>,
        filter: HistoryFilter,
    ) {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.read(call, move |history| {
            history::check(&filter)?;
            let page = history.page(limit, before.as_ref(), &filter);
            Ok(Reply::History(page.map_err(|e| storage(&e))?))
        });
    }

    pub(super) fn read_records(&mut self, call: Call, from: Option<RecordsCursor>, filter: HistoryFilter) {
        self.read(call, move |history| {
            history::check(&filter)?;
            let page = history.records_from(from.as_ref(), &filter);
            Ok(Reply::Records(page.map_err(|e| storage(&e))?))
        });
    }

    pub(super) fn read_evidence(&mut self, call: Call, id: RequestId) {
        self.read(call, move |history| evidence(history, &id));
    }

    /// Answers a call from the history.
    fn read(&mut self, call: Call, work: impl FnOnce(&History) -> Result<Reply, ApiError> + Send + 'static) {
        let history = self.history.clone();
        self.job(async move {
            let result = tokio::task::spawn_blocking(move || work(&history)).await;
            Input::Reply(call, Box::new(result.unwrap_or_else(|_| Err(unread()))))
        });
    }
}

fn evidence(history: &History, id: &RequestId) -> Result<Reply, ApiError> {
    let missing = |text: &str| ApiError::new(ErrorCode::NotFound, text);
    let record = history
        .find(id)
        .map_err(|e| storage(&e))?
        .ok_or_else(|| missing("There is no ended request with this id."))?;
    let evidence = record
        .evidence
        .ok_or_else(|| missing("The issuer sent no receipt for this request, so there is no evidence."))?;
    Ok(Reply::Evidence(history::file(&evidence)))
}

fn unread() -> ApiError {
    ApiError::new(ErrorCode::Storage, "The history could not be read.")
}

fn storage(error: &dyn std::error::Error) -> ApiError {
    ApiError::new(ErrorCode::Storage, error.to_string())
}
