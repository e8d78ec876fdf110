//! Facts about statements.
