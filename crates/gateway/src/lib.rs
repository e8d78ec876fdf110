//! The Countersign gateway: the server between relying sides and approving devices.
//!
//! `http` parses and answers, `service` decides, `store` remembers, `hub` reaches the devices that are connected,
//! `audit` is the record of all of it. `config`, `cli`, `keys`, `server`, `metrics`, `logging` and `callback` are the
//! edges towards the machine and the administrator.
//!
//! Invariants: the store is the truth, everything in memory can be lost; an answer to a decision is given only after
//! it is durable; the clock and the random numbers come from [`edge`] and nowhere else.

#![forbid(unsafe_code)]

pub mod audit;
pub mod callback;
pub mod ciba;
pub mod cli;
pub mod config;
pub mod edge;
pub mod hooks;
pub mod http;
pub mod hub;
pub mod keys;
pub mod logging;
pub mod metrics;
pub mod openapi;
pub mod server;
pub mod service;
pub mod store;
