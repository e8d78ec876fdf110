//! Delivers signed results to the addresses that relying sides registered.
