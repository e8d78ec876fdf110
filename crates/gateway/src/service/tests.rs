//! Tests of the flows.
