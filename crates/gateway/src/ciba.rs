//! Takes in what a CIBA server hands over.
