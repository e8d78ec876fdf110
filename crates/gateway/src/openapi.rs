//! The schema of the relying side interface.
