//! Accepts connections, plain or TLS, and ends gracefully.
