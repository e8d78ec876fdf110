//! What the gateway remembers: one trait of domain operations, one implementation per database.
//!
//! Invariants that every implementation keeps, and that the tests in `contract` check:
//!
//! * An operation that changes something is durable before it answers, and its audit records are written in the same
//!   transaction: either both are there or neither is.
//! * An approval ends exactly once. Whatever comes later is told how it ended.
//! * Nothing in the store approves or logs in: secrets and codes are there as SHA-256 hashes, match codes and private
//!   keys not at all.
//! * Time comes with the call; a store has no clock.

#[cfg(test)]
pub mod contract;
mod rows;
pub mod sqlite;

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use countersign_protocol::{DeviceId, Jti, Timestamp, Txn};

pub use self::rows::*;
use crate::audit::{Entry, ExportedRecord};

/// Why the store could not do what was asked. What the domain refuses is not here but in each operation's answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be written or reached now (disk full, read-only, busy, shutting down); what was there is intact.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// What was read makes no sense. Nothing is overwritten; somebody has to look.
    #[error("the store holds something that cannot be: {0}; restore a backup, nothing was changed")]
    Corrupt(String),
    /// The store was written by a newer version of the gateway.
    #[error(
        "the store has schema version {found}, this gateway knows up to {known}; install the newer gateway"
    )]
    NewerSchema {
        /// The version found.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
}

/// The result of a store operation.
pub type StoreResult<T> = Result<T, StoreError>;

/// Told of each commit, on the thread that writes: must return at once.
pub trait CommitObserver: Debug + Send + Sync {
    /// So many operations were committed together, or failed together, in this time.
    fn committed(&self, operations: usize, took: Duration);
}

/// The gateway's memory. Every operation either happened completely or not at all.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    // --- clients ---------------------------------------------------------------------------------------------------

    /// Registers a relying side. `false` if there is already one with this id.
    async fn add_client(&self, client: Client, entry: Entry) -> StoreResult<bool>;
    /// All relying sides, by id.
    async fn clients(&self) -> StoreResult<Vec<Client>>;
    /// Removes a relying side; its pending approvals stay until they end. `false` if there is none with this id.
    async fn remove_client(&self, id: &str, entry: Entry) -> StoreResult<bool>;
    /// The relying side with this secret.
    async fn client_by_secret(&self, secret_hash: Hash) -> StoreResult<Option<Client>>;

    // --- users -----------------------------------------------------------------------------------------------------

    /// All users, by id.
    async fn users(&self) -> StoreResult<Vec<User>>;
    /// One user.
    async fn user(&self, id: &str) -> StoreResult<Option<User>>;
    /// A user and the devices that can answer for them.
    async fn user_with_devices(&self, id: &str) -> StoreResult<Option<(User, Vec<Device>)>>;
    /// Forgets wrong codes and lifts the lock. `false` if there is no such user.
    async fn unlock_user(&self, id: &str, entry: Entry) -> StoreResult<bool>;

    // --- enrolment -------------------------------------------------------------------------------------------------

    /// Makes an enrolment offer, and the user if there is none with this id yet.
    async fn add_offer(&self, offer: Offer, entry: Entry) -> StoreResult<()>;
    /// An offer that can still be used at `now`.
    async fn offer(&self, code_hash: Hash, now: Timestamp) -> StoreResult<Option<Offer>>;
    /// Uses the offer and makes the device, together. `None` if the offer is unknown, used or expired.
    async fn enrol(&self, code_hash: Hash, device: NewDevice) -> StoreResult<Option<Device>>;

    // --- devices ---------------------------------------------------------------------------------------------------

    /// All devices, or those of one user, oldest first, revoked ones too.
    async fn devices(&self, user: Option<&str>) -> StoreResult<Vec<Device>>;
    /// One device, even if revoked.
    async fn device(&self, id: &DeviceId) -> StoreResult<Option<Device>>;
    /// Revokes a device.
    async fn revoke_device(&self, id: &DeviceId, now: Timestamp, entry: Entry) -> StoreResult<Revoked>;
    /// Replaces a device's key, if it still has the old one. `false` if not, or if it is revoked.
    async fn rotate_device(&self, rotation: DeviceRotation, entry: Entry) -> StoreResult<bool>;

    // --- approvals -------------------------------------------------------------------------------------------------

    /// What an earlier request with the same idempotency key gave.
    async fn idempotent(&self, client: &str, key: &str) -> StoreResult<Option<Idempotent>>;
    /// Accepts an approval with what goes to each device.
    async fn accept(&self, approval: NewApproval) -> StoreResult<Accepted>;
    /// One approval.
    async fn approval(&self, txn: &Txn) -> StoreResult<Option<Approval>>;
    /// Everything a decision is checked against: an earlier decision of the device with the same `jti`, the approval,
    /// and what was sent to whom.
    async fn before_decision(&self, device: &DeviceId, jti: &Jti, txn: &Txn) -> StoreResult<BeforeDecision>;
    /// Takes a checked decision: replay, device state, counter, lock, approval state, expiry and code are judged here
    /// and the change is made, all at once.
    async fn decide(&self, attempt: DecisionAttempt) -> StoreResult<Decision>;
    /// When a device first reported the approval after it had ended, if one did.
    async fn reported_at(&self, txn: &Txn) -> StoreResult<Option<Timestamp>>;
    /// Cancels an approval of this client, if it is still pending. `None` if there is no such approval.
    async fn cancel(&self, txn: &Txn, client: &str, now: Timestamp) -> StoreResult<Option<Cancelled>>;
    /// Ends what expired by `now`, at most `limit`.
    async fn expire(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<Approval>>;
    /// When the next pending approval expires.
    async fn next_expiry(&self) -> StoreResult<Option<Timestamp>>;
    /// What a device has to know: everything pending, or what changed after `since`.
    async fn inbox(&self, device: &DeviceId, since: Since) -> StoreResult<Inbox>;
    /// Devices that were sent this approval.
    async fn recipients(&self, txn: &Txn) -> StoreResult<Vec<Recipient>>;

    // --- callbacks -------------------------------------------------------------------------------------------------

    /// Callbacks to be made by `now`, the longest due first, at most `limit`.
    async fn due_callbacks(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<Callback>>;
    /// When the next callback is due.
    async fn next_callback(&self) -> StoreResult<Option<Timestamp>>;
    /// The callback was answered with success.
    async fn callback_done(&self, txn: &Txn, entry: Entry) -> StoreResult<()>;
    /// The callback failed: try again then, or give up (`None`).
    async fn callback_failed(&self, txn: &Txn, again_at: Option<Timestamp>, entry: Entry) -> StoreResult<()>;

    // --- audit and housekeeping ------------------------------------------------------------------------------------

    /// Writes an audit record that goes with no other change.
    async fn audit(&self, entry: Entry) -> StoreResult<()>;
    /// Audit records after `after`, in order, at most `limit`.
    async fn audit_records(&self, after: u64, limit: usize) -> StoreResult<Vec<ExportedRecord>>;
    /// What others (the administrator's commands, another gateway) changed after `after`.
    async fn changes(&self, after: u64) -> StoreResult<Changes>;
    /// Removes some of what was accepted before `before` and has ended, with its requests and decisions. The audit log
    /// stays. How many; zero when there is nothing left to remove.
    async fn prune(&self, before: Timestamp) -> StoreResult<usize>;
    /// Whether what is stored is whole. Reads all of it.
    async fn check(&self) -> StoreResult<()>;
    /// Whether it can be written now.
    async fn ready(&self) -> StoreResult<()>;
}
