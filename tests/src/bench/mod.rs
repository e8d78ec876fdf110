//! Measurements of the whole, each beside a floor or a peer in the same run (docs/benchmarks.md).
//!
//! Invariant: nothing here asserts a time. A figure that falls short is printed like any other.

pub mod codes;
mod cpu;
pub mod desktop;
mod figure;
pub mod floor;
pub mod idle;
pub mod load;
mod past;
pub mod privacyidea;
mod webview;
pub mod window;

pub use figure::{Figure, Format, Report};
