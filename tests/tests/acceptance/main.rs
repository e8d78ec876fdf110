//! Rows of the acceptance matrix (`docs/acceptance.md`) that need the real parts: what goes wrong, and what somebody
//! malicious tries, against gateway, agent and app as they are shipped.

mod attacks;
mod codes;
mod crashes;
mod exposure;
mod ground;
mod limits;
mod secrets;
mod trust;
mod window;
